"""ChatPainter: StackGAN's two stages, which are told a dialogue about the picture beside its caption.

Sharma, Suhubdy, Michalski, Kahou, Bengio: ChatPainter: Improving Text to Image Generation using Dialogue, 2018
(arXiv 1802.08216).

Reading order: ChatPainterConfig; JoinedDialogue and RecurrentDialogue, the paper's two ways to take a dialogue in;
TurnTable, vectors of the training set's dialogues; ChatPainter: its condition, its losses, its phases, steps, sample.
The nets of both stages are in `blocks.two_stages`, as StackGAN's, Conditioning Augmentation in
`blocks.layers.conditioning_augmentation`, the discriminator in `blocks.discriminators.joint`.

Letters: B pictures, S their side, f that of a sketch, T turns of a dialogue, E width of a text's vector, C = 2E that of
the condition phi (E without a dialogue), c = 128 numbers of its code, Z = 100 numbers of noise. D a discriminator's
logit, G what a stage draws.

What the paper claims
    Ten questions about a picture with their answers, joined with the caption before Conditioning Augmentation, make
    pictures better than the caption alone.
    A recurrent encoder of turns is better than one vector of the whole dialogue. That the encoder of sentences was not
    trained on texts as long may be why: `long` is there to see.

Deviations
    No code of the authors was found. Sizes, losses and schedule are those of StackGAN's PyTorch code for COCO: KL
    weighs 2, the rate is halved every 20 rounds of the data.
    In the place of Skip-Thought and of the character-level encoder, one encoder of captions and turns is trained here,
    from scratch, and then frozen; `long` trains it on whole dialogues as well. Its vectors are standardised, that of a
    whole dialogue layer-normed after it.
    The LSTM has E / 2 units a side, so that both codes are equally wide; its size is not known.
    A fifth of the rows lose a random tail of their turns, so that any number of turns, and none, can be asked for.
    Critics see the LSTM detached: it learns from what the generator draws, and never what suits a critic.
    A mismatched pair is a real picture with another one's caption and dialogue, neither of which it shares by chance.
    The nets are those of StackGAN's TensorFlow code, generators begin orthogonal, `kit` adds what the field has learnt
    since (see `blocks.losses.matching_aware`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from limner.blocks.cascade import CascadeConfig, random_window, read_size
from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import drafts
from limner.blocks.latent.knobs import TwoSpreads
from limner.blocks.latent.noise import normal
from limner.blocks.layers.conditioning_augmentation import GaussianCode, kl_to_standard_normal
from limner.blocks.layers.convolutions import doublings
from limner.blocks.layers.initialisation import orthogonal
from limner.blocks.layers.tree import Drawn, shrunk
from limner.blocks.losses.joint_embedding import contrastive, structured_joint_embedding
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores
from limner.blocks.modes import evaluating, full_precision
from limner.blocks.pretrained_text import PretrainedText, TextConfig, build_text_encoder
from limner.blocks.text.caption_table import CHUNK, CaptionTable
from limner.blocks.text.encoders import LETTERS, LONGEST, TextEncoder
from limner.blocks.text.standardise import Standardise
from limner.blocks.two_stages import CODE, Refiner, Sketcher, Stacked, Z
from limner.blocks.vision.encoders import ImageEncoder
from limner.data.schema import Schema, words_of
from limner.data.views import Dialogues
from limner.noise import RowNoise
from limner.optimisers import adam, step_halving
from limner.requests import Caption, Dialogue, Request
from limner.requests.dialogue import Turns
from limner.system import Clock, Draft, Paper, Phase, Player, System, Update, blend, no_grad

if TYPE_CHECKING:
    from limner.data.dataset import Dataset

LAMBDA = 2.0  # weight of the KL term, a mean over the code's components
SHORTENED = 0.2  # share of rows that lose a random tail of their turns
COCO = 82_783  # pictures of COCO's training set of 2014


@dataclass(frozen=True, kw_only=True)
class ChatPainterConfig(TextConfig, CascadeConfig):
    """Settings of the system."""

    text: Literal["char", "char-gru", "word"] = "word"
    """How captions and turns are read: by letters, with the nets of Reed et al., or by words."""
    dialogue: Literal["none", "joined", "recurrent"] = "recurrent"
    """How a dialogue is taken in: not at all, as one vector of all turns, or turn by turn by a bidirectional LSTM."""
    long: bool = False
    """Learn to read whole dialogues too, not captions and single turns alone."""
    size: int = 256
    """Side of the finished pictures in pixels."""
    first: int = 64
    """Side of the sketches; the paper's is a quarter of the finished one."""
    images: int = 120 * COCO
    """Budget of stage I in pictures."""
    second_images: int = 100 * COCO
    """Budget of stage II."""
    batch: int = 64
    """Pictures in a step."""
    generator_width: int = 192
    """Channels of both generators' maps at 32 pixels of 64, g."""
    discriminator_width: int = 96
    """Channels of the first map of a discriminator."""
    residuals: int = 2
    """Residual blocks of stage II."""

    def __post_init__(self) -> None:
        doublings(self.first)
        doublings(self.size)
        if self.first >= self.size:
            raise ValueError(f"first={self.first}: a sketch is smaller than the picture, which has size={self.size}")
        if self.text_width % 2:
            raise ValueError(f"text_width={self.text_width}: the LSTM has half of it a side, so it is an even number")


@dataclass(frozen=True)
class ChatPainterKnobs(TwoSpreads):
    """What may change from one drawing to the next."""

    turn_by_turn: bool = False
    """Draw the picture anew after each turn, a draft each, in place of stage I's sketch."""


class JoinedDialogue(nn.Module):
    """A, non-recurrent: the vector of all turns in one text, (B, 1, E) with counts (B,) of 0 or 1, to (B, E).

    It is layer-normed: the vector of a single turn lies far outside those of whole dialogues, and the divergence of its
    code would outweigh all else.
    """

    def forward(self, turns: Tensor, counts: Tensor) -> Tensor:
        return F.layer_norm(turns[:, 0], turns.shape[2:]) * (counts > 0)[:, None]


class RecurrentDialogue(nn.Module):
    """B, recurrent: vectors of turns (B, T, E), of which the first `counts` (B,) are there, to (B, E).

    The last states of a bidirectional LSTM of E/2 units a side, joined; zero where there is no turn.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.recur = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)

    def forward(self, turns: Tensor, counts: Tensor) -> Tensor:
        packed = pack_padded_sequence(turns, counts.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False)
        _, (last, _) = self.recur(packed)  # (2, B, E / 2)
        return torch.cat([*last], dim=1) * (counts > 0)[:, None]


def said(turns: Turns) -> list[str]:
    """Return each turn as one text."""
    return [f"{question.rstrip('? ')}? {answer}" for question, answer in turns]


class TurnTable:
    """The vectors of K texts of each row of the training set, each distinct text encoded once: derived, not saved."""

    def __init__(self) -> None:
        self.vectors = torch.empty(0)  # (M + 1, E) of M distinct texts, then a zero vector
        self.places = torch.empty(0)  # (N, K) index into the vectors of each row's texts, M where there is none
        self.counts = torch.empty(0)  # (N,) texts of each row

    @torch.no_grad()
    def fill(self, encoder: TextEncoder, texts: Sequence[Sequence[str]]) -> None:
        """Encode K texts, or fewer, of each of N rows; empty ones are none."""
        number: dict[str, int] = {}
        places = [[number.setdefault(text, len(number)) if text else -1 for text in some] for some in texts]
        distinct, most = list(number), max(map(len, places))
        with evaluating(encoder), full_precision(next(encoder.parameters())):
            chunks = [encoder.sentence(distinct[start : start + CHUNK]) for start in range(0, len(distinct), CHUNK)]
        none = torch.zeros(1, encoder.width, device=next(encoder.parameters()).device)
        self.vectors = torch.cat([*chunks, none])
        padded = torch.tensor([row + [-1] * (most - len(row)) for row in places]).to(none.device)
        self.places, self.counts = padded % len(self.vectors), (padded >= 0).sum(dim=1)


class ChatPainter(System):
    """Sharma et al. 2018."""

    paper = Paper(
        title="ChatPainter: Improving Text to Image Generation using Dialogue",
        authors="Shikhar Sharma, Dendi Suhubdy, Vincent Michalski, Samira Ebrahimi Kahou, Yoshua Bengio",
        year=2018,
        venue="arXiv",
        arxiv="1802.08216",
    )
    takes = (Dialogue, Caption)
    Config = ChatPainterConfig
    Knobs = ChatPainterKnobs
    default_preset = "clevr"
    presets: ClassVar[Mapping[str, ChatPainterConfig]] = {
        "tiny": Config(
            text_loss="contrastive", text_width=32, text_images=160, text_batch=8, size=32, first=16, images=1_200,
            second_images=1_600, batch=8, generator_width=8, discriminator_width=8, residuals=1, rate=2e-3,
            kit=("spectral",),
        ),
        "clevr": Config(
            text_loss="contrastive", text_width=256, text_images=60_000, text_batch=64, size=32, first=16,
            images=60_000, second_images=30_000, batch=16, generator_width=32, discriminator_width=32, kit=("r1",),
        ),
        "paper": Config(text_loss="contrastive", text_images=20 * COCO, text_batch=64),
    }  # fmt: skip
    config: ChatPainterConfig

    def __init__(self, config: ChatPainterConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c = config
        self.lexicon = schema.lexicon.with_words_of(schema.spoken)
        self.text = build_text_encoder(c, self.lexicon)
        self.vision = ImageEncoder(self.data_size(c), c.text_width)
        self.standard, self.sentences = Standardise(c.text_width), CaptionTable()
        self.captions = PretrainedText(self.text, self.vision, self.standard, self.sentences, self.lexicon)
        self.turn_standard, self.table = Standardise(c.text_width), TurnTable()
        self.adversarial = AdversarialLoss(c.kit)
        width = c.text_width if c.dialogue == "none" else 2 * c.text_width
        sketcher = Sketcher(c.generator_width, c.first, width)
        refiner = Refiner(c.generator_width, c.first, c.size, width, c.residuals)
        self.generator = Stacked(sketcher, refiner).apply(orthogonal)
        recurrent = c.dialogue == "recurrent"
        self.readers = nn.ModuleList(
            RecurrentDialogue(c.text_width) if recurrent else JoinedDialogue() for _ in range(2)
        )  # of each stage its own
        self.critic_i, self.critic_ii = (
            JointDiscriminator(
                c.discriminator_width, side, width, alone=False, read=CODE, residual=True, norm="spectral" not in c.kit
            )
            for side in (c.first, c.size)
        )

    @classmethod
    def data_size(cls, config: ChatPainterConfig) -> int:
        """304 for 256 where windows are cropped."""
        return read_size(config.size, config.crop)

    def condition(self, stage: int, caption: Tensor, turns: Tensor, counts: Tensor) -> Tensor:
        """Return phi: a caption's vector (B, E) joined with the dialogue's code, by the reader of a stage: (B, C).

        Args:
            stage: 0 or 1.
            caption: (B, E).
            turns: (B, T, E) vectors of turns, or (B, 1, E) of whole dialogues.
            counts: (B,) how many of them are there.
        """
        if self.config.dialogue == "none":
            return caption
        return torch.cat([caption, self.readers[stage](turns, counts)], dim=1)

    def texts(self, turns: Turns) -> list[str]:
        """Return the texts by which a dialogue is encoded: one of all turns (A), or one of each (B)."""
        return said(turns) if self.config.dialogue == "recurrent" else [" ".join(said(turns))]

    def fill_tables(self, data: Dataset) -> None:
        """Encode captions and dialogues of the training set, and measure mean and deviation of the vectors."""
        self.captions.fill_table(data)
        if self.config.dialogue != "none":
            self.fill_turns(data)
            self.turn_standard.fit(self.table.vectors[:-1])

    def fill_turns(self, data: Dataset) -> None:
        """Encode dialogues: of each row its turns (B), or (A) the whole and one that has lost a random tail."""
        dialogues = data.dialogues(range(data.length()))
        if self.config.dialogue == "recurrent":
            self.table.fill(self.text, [said(turns) for turns in dialogues])
            return
        chance = random.Random(0)
        kept = [turns[: chance.randrange(max(len(turns), 1))] for turns in dialogues]
        both = zip(dialogues, kept, strict=True)
        self.table.fill(self.text, [self.texts(turns) + self.texts(some) for turns, some in both])

    def restore_tables(self, data: Dataset) -> None:
        """Encode again where the tables are empty, as in a resumed run: for `Phase.on_enter`."""
        self.captions.restore_table(data)
        if self.config.dialogue != "none" and not len(self.table.vectors):
            self.fill_turns(data)

    def draw_turns(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return turns (B, T, E) and their counts (B,) of rows (B,) of the training set, a fifth of them shortened."""
        if self.config.dialogue == "none":
            return rows.new_empty(len(rows), 0), torch.zeros_like(rows)
        places, none = self.table.places[rows], len(self.table.vectors) - 1
        short = torch.rand(len(rows), device=rows.device) < SHORTENED
        if self.config.dialogue == "joined":
            places = torch.where(short, places[:, 1], places[:, 0])[:, None]
            counts = (places != none).sum(dim=1)
        else:
            whole = self.table.counts[rows]
            remaining = (torch.rand(len(rows), device=rows.device) * whole).long()  # 0 to one less than there are
            counts = torch.where(short, remaining, whole)
        return self._masked(self.turn_standard(self.table.vectors[places]), counts), counts

    @staticmethod
    def _masked(turns: Tensor, counts: Tensor) -> Tensor:
        """Zero what comes after the last turn."""
        return turns * (torch.arange(turns.shape[1], device=turns.device) < counts[:, None])[:, :, None]

    def encode(self, requests: Sequence[Request], most: int | None = None) -> Tensor:
        """Encode requests with their first `most` turns, all where None: phi of both stages, (N, 2, C)."""
        caption = self.captions.encode(requests)
        said_by = [getattr(request, "turns", ())[:most] for request in requests]
        texts = [self.texts(turns) if turns else [] for turns in said_by]
        turns = caption.new_zeros(len(texts), max([1, *map(len, texts)]), caption.shape[1])
        counts = torch.tensor([len(some) for some in texts], device=caption.device)
        if self.config.dialogue != "none" and counts.any():
            vectors = self.turn_standard(self.text.sentence([text for some in texts for text in some]))
            turns[torch.arange(turns.shape[1], device=caption.device) < counts[:, None]] = vectors.to(turns.dtype)
        return torch.stack([self.condition(stage, caption, turns, counts) for stage in range(2)], dim=1)

    def discriminator_loss(
        self, d: JointDiscriminator, real: Tensor, fake: Tensor, phi: Tensor, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return L_D of a stage: -log D(I, phi) - 1/2 log(1 - D(G, phi)) - 1/2 log(1 - D(I_wrong, phi)).

        Args:
            d: the discriminator of the stage.
            real, fake: pictures (B, 3, s, s) I and G; G is detached here.
            phi: (B, C) conditions of both, detached.
            wrong: (B,) for each condition the index of a real picture that it does not fit.
            step: number of the step, for penalties of the kit.
        """
        gan = self.adversarial
        x, x_hat = d.features(gan.augment(real)), d.features(gan.augment(fake.detach()))
        right, drawn, mismatched = d.judge(x, phi), d.judge(x_hat, phi), d.judge(x[wrong], phi)
        loss = gan.real(right) + 1 / 2 * gan.fake(drawn, right) + 1 / 2 * gan.fake(mismatched, right)
        loss = sum(gan.penalties(d, real, phi, step), start=loss)
        return DiscriminatorScores(loss, {"right": right, "wrong": mismatched, "drawn": drawn}, right.detach(), None)

    def generator_loss(
        self, d: JointDiscriminator, fake: Tensor, gaussian: GaussianCode, phi: Tensor, scores: DiscriminatorScores
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return L_G of a stage, -log D(G, phi) + 2 KL(N(mu, Sigma) || N(0, 1)), and the KL, a mean, for the log."""
        gan = self.adversarial
        kl = kl_to_standard_normal(*gaussian) / CODE
        adversarial = gan.generator(d.judge(d.features(gan.augment(fake)), phi), scores.right)
        return adversarial + LAMBDA * kl, {"divergence": kl}

    def phases(self) -> list[Phase]:
        """Train the encoder of captions and turns; with it frozen, stage I; with stage I frozen, stage II."""
        c = self.config
        pretrain = contrastive if c.text_loss == "contrastive" else structured_joint_embedding
        reading = pretrain(self.text, self.vision, images=c.text_images, batch=c.text_batch)
        step = reading.step
        assert step is not None
        stages = (
            ("stage I", c.images, self.critic_i, self.generator.sketcher, 5, self.step_i),  # every 20 of 120 rounds
            ("stage II", c.second_images, self.critic_ii, self.generator.refiner, 4, self.step_ii),  # 20 of 100
        )
        return [
            replace(reading, view=Dialogues, step=lambda batch, clock: step(self.read_anything(batch), clock)),
            Phase(name="read", view=Dialogues, images=0, batch=c.text_batch, once=self.fill_tables),
            *(
                Phase(
                    name=name, view=Dialogues, images=images, batch=c.batch, on_enter=self.restore_tables,
                    players=self.players(critic, [generator, self.readers[stage]], halvings), step=play,
                )
                for stage, (name, images, critic, generator, halvings, play) in enumerate(stages)
            ),
        ]  # fmt: skip

    def players(self, discriminator: nn.Module, generator: Sequence[nn.Module], halvings: int) -> Mapping[str, Player]:
        """The discriminator of a stage; its generator with the reader of dialogues."""
        optimiser, schedule = adam(self.config.rate, betas=(0.5, 0.999)), step_halving(halvings)
        return {
            "critic": Player(modules=[discriminator], optimiser=optimiser, schedule=schedule),
            "generator": Player(modules=generator, optimiser=optimiser, schedule=schedule),
        }

    def read_anything(self, batch: Dialogues) -> Dialogues:
        """Put in the place of two thirds, or a half, of the captions a random turn or, with `long`, all turns."""
        texts, every = [], []
        kinds = torch.randint(2 + self.config.long, (len(batch.texts),)).tolist()
        for caption, captions, turns, kind in zip(batch.texts, batch.captions, batch.turns, kinds, strict=True):
            single, whole = said(turns), " ".join(said(turns))
            one = single[int(torch.randint(len(single), ()))] if single else caption
            texts.append((caption, one, whole or caption)[kind])
            every.append((*captions, *single, whole))
        return replace(batch, texts=tuple(texts), captions=tuple(every))

    def step_i(self, batch: Dialogues, clock: Clock) -> Iterator[Update]:
        """Update D_0 and then G_0 with its reader: stage I."""
        phi = self.condition(0, self.captions.draw(batch.rows), *self.draw_turns(batch.rows))  # (B, C)
        sketch, gaussian = self.generator.sketcher(normal(phi, Z), normal(phi, CODE), phi)
        yield from self.updates(self.critic_i, batch, sketch, gaussian, phi.detach(), clock)

    def step_ii(self, batch: Dialogues, clock: Clock) -> Iterator[Update]:
        """Update D and then G with its reader: stage II, on sketches of the frozen stage I."""
        texts = self.captions.draw(batch.rows), *self.draw_turns(batch.rows)
        with torch.no_grad():
            coarse = self.condition(0, *texts)
            sketch, _ = self.generator.sketcher(normal(coarse, Z), normal(coarse, CODE), coarse)
        phi = self.condition(1, *texts)
        picture, gaussian = self.generator.refiner(sketch, normal(phi, CODE), phi)
        yield from self.updates(self.critic_ii, batch, picture, gaussian, phi.detach(), clock)

    def updates(
        self, d: JointDiscriminator, batch: Dialogues, fake: Tensor, gaussian: GaussianCode, phi: Tensor, clock: Clock
    ) -> Iterator[Update]:
        """Update the discriminator of a stage, then its generator, on the same generated pictures."""
        (real,) = shrunk(random_window(batch.images, self.config.size, self.config.crop), [fake.shape[-1]])
        scores = self.discriminator_loss(d, real, fake, phi, batch.wrong, clock.step)
        yield Update("critic", scores.loss, scores.log)
        yield Update("generator", *self.generator_loss(d, fake, gaussian, phi, scores))

    @no_grad
    def sample(self, requests: Sequence[Request], knobs: ChatPainterKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Draw a sketch and then the picture; or the picture after each turn, from the caption alone to all turns."""
        z, epsilon = rng.normal(Z + 2 * CODE).split([Z, 2 * CODE], dim=1)
        noise = torch.cat([knobs.spread * z, knobs.reading * epsilon], dim=1)
        if not knobs.turn_by_turn:
            yield from self.draw(noise, blend(self.encode, requests))
            return
        ends = [end for request in requests for end in request.ends()]
        most = 0 if self.config.dialogue == "none" else max(len(getattr(end, "turns", ())) for end in ends)
        for count in range(most + 1):
            *_, final = self.draw(noise, blend(partial(self.encode, most=count), requests))
            yield replace(final, note=f"after {count} turns", progress=(count + 1) / (most + 1))

    def draw(self, noise: Tensor, phi: Tensor) -> Iterator[Draft]:
        """Draw from noise and the epsilon of both codes, (B, Z + 2c), and the conditions of both stages (B, 2, C)."""
        z, first, second = noise.split([Z, CODE, CODE], dim=1)
        sketch, rough = self.generator.sketcher(z, first, phi[:, 0])
        picture, fine = self.generator.refiner(sketch, second, phi[:, 1])
        return drafts(Drawn([sketch, picture], [rough, fine]))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures and captions by the pre-trained encoders, two of (B, E)."""
        return self.captions.embed_pairs(images, requests)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words of captions and turns that the training set has not, each with the nearest that it has."""
        texts = [text for request in requests for end in request.ends() for text in end.texts()]
        return {word: near for text in texts for word, near in self.lexicon.unknown(text[:LETTERS]).items()}

    def remarks(self, requests: Sequence[Request]) -> Sequence[str]:
        """Say where turns are not read: where there is no reader of dialogues, and after as many words as it reads."""
        turns = [getattr(end, "turns", ()) for request in requests for end in request.ends()]
        if self.config.dialogue == "none" and any(turns):
            return ["this artist reads captions alone: questions and answers change nothing"]
        longest = max((len(words_of(" ".join(said(some)))) for some in turns), default=0)
        if self.config.dialogue == "joined" and longest > LONGEST:
            return [f"of a dialogue its first {LONGEST} words are read, and this one has {longest}"]
        return []
