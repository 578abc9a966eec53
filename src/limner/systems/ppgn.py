"""PPGN: a picture is found by climbing in a code space until a captioner would describe it so.

Nguyen, Clune, Bengio, Dosovitskiy, Yosinski: Plug & Play Generative Networks: Conditional Iterative Generation of
Images in Latent Space, CVPR 2017; here "Noiseless Joint PPGN-h" with a captioner as the condition (section 4).

Reading order: Ppgn: its nets, `phases`, `hill` (what is climbed), `sample`. A step of the climb, with its three
epsilons, is in `blocks.latent.climb`; generator, critic and their losses, which are DeePSiM's, in
`blocks.latent.inverter`; settings and how the nets are built in `blocks.plug_and_play`; the captioner in
`blocks.vision.captioner`.

Letters: B pictures, S their side, h a code, H its width, E the encoder, G the generator, y a sentence.

What the paper claims
    No net makes pictures of text. E is at rest; G inverts it; and h climbs log p(y | G(h)).
    The prior keeps the climb honest: E(G(h)) - h points to where codes of pictures lie, since G and E together are a
    denoising autoencoder of codes that was trained with hardly any noise ("Noiseless Joint"). Without it the climb ends
    in pictures that please the condition alone.
    Plug and play: the condition is any net that says how likely a picture is what was asked for. It is no part of E or
    G and was not trained with them; another one takes its place without any training.

Deviations
    E is small and learns beside a text encoder here (`blocks.losses.joint_embedding`), or is torchvision's AlexNet: the
    published weights of CaffeNet are for another framework. The captioner sees with a net of its own.
    h lies in [0, 30] and starts from N(0, 1) in the paper, which fits CaffeNet's fc6. Codes are measured in a phase of
    their own here and brought to that range, so step sizes and epsilons mean the same.
    DeePSiM's losses are sums over pixels of 0 to 255, with weights 2e-6, .01 and 100; here they are means over numbers
    in [-1, 1], and the weights of the presets `avatars` and `tiny` are ours. Pictures end in tanh. The critic gives
    one logit, not two whose softmax is the same. Weight decay, and stopping whichever player is ahead, are left out.
    The whole sentence is one graph. In the authors' code the captioner's state is carried one word a call, so a word's
    gradient reaches the picture through its own step alone.
    A step is normalised by row, not over the batch; the picture's features are computed once, not for each word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from limner.blocks.given import given_pictures
from limner.blocks.latent.climb import ClimbKnobs, Hill, begin, climb, groups, together
from limner.blocks.latent.inverter import CodeScale
from limner.blocks.plug_and_play import (
    PlugAndPlay,
    PlugAndPlayConfig,
    build_captioner,
    build_critic,
    build_encoder,
    build_eye,
    build_generator,
    build_text,
    parts_of,
    plugged,
    resized,
    weighed,
)
from limner.blocks.text.encoders import texts_of, unknown_words
from limner.data.schema import Schema
from limner.noise import RowNoise
from limner.requests import Caption, Picture, Request, Takes, asked
from limner.system import Draft, Paper, Phase, System


@dataclass(frozen=True, kw_only=True)
class PpgnConfig(PlugAndPlayConfig):
    """What people change."""


@dataclass(frozen=True)
class PpgnKnobs(ClimbKnobs):
    """What may change from one drawing to the next."""


class Ppgn(System):
    """Nguyen et al. 2017."""

    paper = Paper(
        title="Plug & Play Generative Networks: Conditional Iterative Generation of Images in Latent Space",
        authors="Anh Nguyen, Jeff Clune, Yoshua Bengio, Alexey Dosovitskiy, Jason Yosinski",
        year=2017,
        venue="CVPR",
        arxiv="1612.00005",
    )
    takes: Takes = (Caption, Picture)
    recognises = (Caption,)
    row_invariant = True
    Config = PpgnConfig
    Knobs = PpgnKnobs
    default_preset = "avatars"
    presets: ClassVar[Mapping[str, PpgnConfig]] = {
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
        "coco": Config(),
    }  # fmt: skip
    config: PpgnConfig

    def __init__(self, config: PpgnConfig, schema: Schema) -> None:
        super().__init__(config, schema)
        c, lexicon = config, schema.lexicon
        self.text, self.encoder, self.scale = build_text(c, lexicon), build_encoder(c), CodeScale()  # E
        self.eye, self.captioner = build_eye(c), build_captioner(c, lexicon)  # p(y | x)
        self.generator, self.critic = build_generator(c), build_critic(c)  # G, and its critic
        self.plugged: tuple[System, ...] = ()  # a tuple, since what takes the captioner's place is no part of this
        self.nets = PlugAndPlay(
            c, self.text, self.encoder, self.scale, self.eye, self.captioner, self.generator, self.critic
        )

    def phases(self) -> list[Phase]:
        """E learns beside a text encoder; the captioner with its eye; codes are measured; G learns to invert E."""
        return self.nets.phases(self)

    def hills(self, requests: Sequence[Request]) -> list[Hill]:
        """Return what each group of rows climbs: log p(y | x) of what it asks, by the condition that is plugged in."""
        given, wanted = given_pictures(requests, self.config.size, self.device), asked(requests)
        return [
            self.nets.hill(rows, given, weighed([parts_of(wanted[row]) for row in rows], self.condition))
            for rows in groups(len(requests))
        ]

    def condition(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return log p(y | x) of requests given their pictures, by the own captioner or what took its place: (B,)."""
        condition: System = self.plugged[0] if self.plugged else self
        return condition.request_log_likelihood(resized(images, condition.config.size), requests)

    def climb_by(self, condition: System) -> None:
        """Climb by what another system recognises, untrained; see `System.climb_by`."""
        self.plugged, self.takes = plugged(self, condition)

    def sample(self, requests: Sequence[Request], knobs: PpgnKnobs, rng: RowNoise) -> Iterator[Draft]:
        """Climb from N(0, 1), or the code of a style or a picture; a draft a step, every few of them a picture."""
        hills, further, width = self.hills(requests), rng.more(), self.config.code
        start = together(hills, begin, rng.normal(width))
        for at in climb(hills, knobs, start, lambda: further.normal(width)):
            shown = at.step % knobs.every == 0 or at.step == knobs.steps
            images = together(hills, Hill.picture, at.h) if shown else None
            yield Draft(images=images, note=f"step {at.step}", progress=at.step / knobs.steps)

    @torch.no_grad()
    def style(self, images: Tensor) -> Tensor:
        """Return the codes of pictures (B, 3, S, S): where a climb may start; (B, H)."""
        return self.nets.inversion.encode(images)

    @torch.no_grad()
    def describe(self, images: Tensor) -> list[str]:
        """Return the captioner's sentence for each picture (B, 3, S, S)."""
        return self.captioner.describe(self.nets.features(images))

    def request_log_likelihood(self, images: Tensor, requests: Sequence[Request]) -> Tensor:
        """Return log p(y | x) of captions given their pictures by the own captioner, all words together: (B,)."""
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
