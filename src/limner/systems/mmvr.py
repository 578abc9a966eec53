"""MMVR: PPGN's climb, weighed by how much of the sentence the picture says already, and by several sentences at once.

Sah, Peri, Shringi, Zhang, Dominguez, Savakis, Ptucha: Semantically Invariant Text-to-Image Generation, ICIP 2018
(multi-modal vector representation).

Reading order: MmvrKnobs; Mmvr: its nets, `condition` (the weight by n-grams), `hills` (several sentences), `sample`. A
step of the climb is in `blocks.latent.climb`, the nets and their training, which are PPGN's, in `blocks.plug_and_play`.

Letters: B rows, N = 4 rows of a group, h a code, H its width, x = G(h), y a sentence, y_c one of several of one
meaning, y^ what the captioner says of x now.

What the paper claims
    One code h serves both ways: picture to text by the captioner, text to picture by the climb.
    An n-gram metric generalises the sentence: the gradient of log p(y | x) is multiplied by BLEU_n(y^, y), y^ being the
    captioner's likeliest word at each place of y. More agreement, more weight beside the prior.
    Several sentences of one meaning say more than one: their gradients are averaged.

Deviations
    The authors' two ideas are separate scripts, never combined; here the gradient is the sum over c of
    w_c (BLEU_n(y^_c, y_c) + 0.1) times that of log p(y_c | x), with w_c the share of a sentence. With 0.1 a sentence of
    which nothing is said yet still pulls; `ngram=0` leaves the metric out.
    BLEU_2 to BLEU_4 of their code all compute BLEU_1; here n is n, and of one sentence it is smoothed (Lin and Och
    2004). Theirs starts a Java tokeniser in every step, and with N_c captions begins at step N_c - 1.
    They fine-tune PPGN's generator on COCO; here nets are trained as PPGN's, or taken from one (`--from`).
    What PPGN deviates in holds here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from limner.blocks.given import given_pictures
from limner.blocks.latent.climb import ClimbKnobs, Hill, begin, climb, groups, together
from limner.blocks.latent.inverter import CodeScale
from limner.blocks.plug_and_play import (
    Parts,
    PlugAndPlay,
    PlugAndPlayConfig,
    build_captioner,
    build_critic,
    build_encoder,
    build_eye,
    build_generator,
    build_text,
    parts_of,
    weighed,
)
from limner.blocks.text.encoders import texts_of, unknown_words
from limner.data.schema import Schema
from limner.errors import UserError
from limner.metrics.bleu import sentence_bleu
from limner.noise import RowNoise
from limner.requests import Caption, Picture, Request, Takes, asked
from limner.settings import Between
from limner.system import Draft, Paper, Phase, System

FLOOR = 0.1
"""Weight of a sentence of which nothing is said yet, where the metric weighs."""
MOST = 16
"""Sentences of one request."""


@dataclass(frozen=True, kw_only=True)
class MmvrConfig(PlugAndPlayConfig):
    """What people change."""


@dataclass(frozen=True)
class MmvrKnobs(ClimbKnobs):
    """What may change from one drawing to the next."""

    ngram: Annotated[int, Between(0, 4)] = 1
    """Length of the runs of words by whose agreement a sentence's gradient is weighed; 0: none is."""


class Mmvr(System):
    """Sah et al. 2018."""

    paper = Paper(
        title="Semantically Invariant Text-to-Image Generation",
        authors="Shagan Sah, Dheeraj Peri, Ameya Shringi, Chi Zhang, Miguel Dominguez, Andreas Savakis, Ray Ptucha",
        year=2018,
        venue="ICIP",
        arxiv="1809.10274",
    )
    takes: Takes = (Caption, Picture)
    recognises = (Caption,)
    row_invariant = True
    gives = frozenset({"images", "text"})
    Config = MmvrConfig
    Knobs = MmvrKnobs
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, MmvrConfig]] = {
        "tiny": Config(
            size=16, vision="small", nets="small", code=64, encoder_width=16, eye_width=16, width=64, critic_width=8,
            hidden=64, text_images=640, caption_images=1_600, text_batch=8, images=3_200, batch=8, rate=1e-3,
            feature=1.0, adversarial=0.01,
        ),
        "avatars": Config(
            size=64, vision="small", nets="small", code=256, encoder_width=12, eye_width=12, width=128, critic_width=16,
            hidden=256, text_images=100_000, caption_images=100_000, images=300_000, rate=5e-4, feature=1.0,
            adversarial=0.01,
        ),
        "coco": Config(rate=5e-5),
    }  # fmt: skip
    config: MmvrConfig

    def __init__(self, config: MmvrConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c, lexicon = config, schema.lexicon
        self.text, self.encoder, self.scale = build_text(c, lexicon), build_encoder(c), CodeScale()  # E
        self.eye, self.captioner = build_eye(c), build_captioner(c, lexicon)  # p(y | x)
        self.generator, self.critic = build_generator(c), build_critic(c)  # G, and its critic
        self.nets = PlugAndPlay(
            c, self.text, self.encoder, self.scale, self.eye, self.captioner, self.generator, self.critic
        )

    def phases(self) -> list[Phase]:
        """E learns beside a text encoder; the captioner with its eye; codes are measured; G learns to invert E."""
        return self.nets.phases(self)

    def condition(self, images: Tensor, requests: Sequence[Request], ngram: int) -> Tensor:
        """Return log p(y | x), whose gradient is multiplied by BLEU_n(y^, y) + 0.1, or by 1 for n = 0: (N,)."""
        texts = texts_of(requests)
        logs, guesses, as_read = self.nets.scored(images, texts)
        if not ngram:
            return logs
        weights = [sentence_bleu(y_hat, [y], ngram) + FLOOR for y_hat, y in zip(guesses, as_read, strict=True)]
        return logs * torch.tensor(weights, device=logs.device)

    def hills(self, requests: Sequence[Request], knobs: MmvrKnobs) -> list[Hill]:
        """Return what each group of rows climbs: the mean over the sentences of each row, a line of its text each."""
        given = given_pictures(requests, self.config.size, self.device)
        rows = [lines_of(parts_of(request)) for request in asked(requests)]
        return [
            self.nets.hill(
                group,
                given,
                weighed([rows[row] for row in group], lambda images, some: self.condition(images, some, knobs.ngram)),
            )
            for group in groups(len(requests))
        ]

    def sample(self, requests: Sequence[Request], knobs: MmvrKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Climb from N(0, 1), or the code of a style or a picture; yield pictures and what they say every few steps."""
        hills, further, width = self.hills(requests, knobs), rng.more(), self.config.code
        start = together(hills, begin, rng.normal(width))
        for at in climb(hills, knobs, start, lambda: further.normal(width)):
            images, said, done = None, None, at.step / knobs.steps
            if at.step % knobs.every == 0 or done == 1:
                images = together(hills, Hill.picture, at.h)
                said = [text for rows in groups(len(images)) for text in self.describe(images[list(rows)])]
                said = said[: len(images)]
            yield Draft(images=images, text=said, note=f"step {at.step}", progress=done)

    def check_request(self, request: Request) -> None:
        """Refuse what has no line with words, or more lines than are read."""
        for end in asked([request])[0].ends():
            parts = parts_of(end)
            count = len(lines_of(parts))
            if parts and not count:
                raise UserError("there is no sentence in the prompt: say what to draw, a sentence a line")
            if count > MOST:
                raise UserError(f"{count} sentences of one meaning are more than the {MOST} that are read")

    def climb_by(self, condition: System) -> None:
        """Refuse: it weighs by what its own captioner says."""
        raise UserError(
            "MMVR weighs by what its own captioner says, so no other condition can be put into it: use ppgn"
        )

    @torch.no_grad()
    def style(self, images: Tensor) -> Tensor:
        """Return the codes of pictures (B, 3, S, S): where a climb may start; (B, H)."""
        return self.nets.inversion.encode(images)

    @torch.no_grad()
    def describe(self, images: Tensor) -> list[str]:
        """Return the captioner's sentence for each picture (B, 3, S, S)."""
        return self.captioner.describe(self.nets.features(images))

    def request_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return log p(y | x) of captions given their pictures by the captioner, all words together: (B,)."""
        return self.nets.log_probability(images, texts_of(requests))

    @torch.no_grad()
    def caption_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return the log-probability of each request's text given its picture, in nats a word: (B,)."""
        return self.captioner.log_likelihood(self.nets.features(images), texts_of(requests))

    def embed_pairs(self, images: Tensor, requests: Sequence[Request]) -> tuple[Tensor, Tensor] | None:
        """Return codes of pictures by E and of captions by the encoder that E learnt beside, two of (B, H)."""
        return self.nets.embed_pairs(images, requests)

    def unknown_words(self, requests: Sequence[Request]) -> Mapping[str, str | None]:
        """Return words that the captioner does not know, each with the nearest it does."""
        return unknown_words(self.schema.lexicon, requests)


def lines_of(parts: Parts) -> Parts:
    """Return the sentences of parts: a line of a caption each, which share in the caption's share."""
    found: Parts = []
    for request, share in parts:
        lines = [line for line in request.sentence().splitlines() if line.strip()]
        found += [(Caption(line), share / len(lines)) for line in lines]
    return found
