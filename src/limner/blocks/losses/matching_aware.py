"""The matching-aware objective of the cascades, as published and with what the field has learnt since.

A critic scores a real picture with its text (right), with a text that it does not fit (wrong), and a drawn picture with
its text (drawn); its second head, where it has one, scores pictures alone. The papers differ in the weights of these
terms, `Weights`. The kit adds, each by its name:

    hinge         max(0, 1 - s) and max(0, 1 + s) in place of the logarithm of a sigmoid (Lim and Ye 2017; SAGAN 2019)
    relativistic  each negative against the right pair: softplus(negative - right) (Jolicoeur-Martineau 2019; R3GAN)
    r1            squared slope on real pictures, every 16th step (Mescheder et al. 2018; lazily: StyleGAN2, 2020)
    magp          slope in picture and text at right pairs, to the sixth power (DF-GAN, Tao et al. 2022)
    augment       the critic sees all pictures moved and in part covered (DiffAugment, Zhao et al. 2020)
    spectral      spectral norm in place of the critic's batch norm (Miyato et al. 2018)
    haze          encoders and captioners at rest see drawings blurred and noisy, so that no faint pattern fools them

Letters: B pictures, S their side, E width of a text's vector, s a score.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from limner.blocks.discriminators.joint import Critic
from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import diff_augment, hazy
from limner.blocks.losses.penalties import gradient_penalty, matching_penalty
from limner.errors import UserError

KIT = ("hinge", "relativistic", "r1", "magp", "augment", "spectral", "haze")
LAZY, GAMMA = 16, 0.2  # r1: steps between two penalties, its weight
LOSSES = ("hinge", "relativistic")


@dataclass(frozen=True)
class Weights:
    """Of the terms of a critic's loss."""

    right: float = 1.0
    wrong: float = 1.0
    drawn: float = 1.0
    real_alone: float = 0.0
    """Of real pictures in the head that sees no text."""
    drawn_alone: float = 0.0


@dataclass(frozen=True)
class DiscriminatorScores:
    """What a critic was shown, and what it said of it, as far as the painter's move needs it."""

    loss: Tensor
    log: dict[str, Tensor]
    right: Tensor | None
    """(B,) score of right pairs, at rest; none where there is no text."""
    real: Tensor | None
    """(B,) score of real pictures alone, at rest."""


class Objective:
    """What critics and painter are trained by.

    Args:
        weights: the paper's.
        kit: names of modern ingredients.

    Raises:
        UserError: for an unknown ingredient, or two losses at once.
    """

    def __init__(self, weights: Weights, kit: Collection[str] = ()) -> None:
        for name in kit:
            if name not in KIT:
                raise UserError(f"kit={name}: what there is are {', '.join(KIT)}")
        if set(LOSSES) <= set(kit):
            raise UserError("kit: hinge and relativistic are two losses, choose one")
        self.weights, self.kit = weights, frozenset(kit)

    def discriminator_loss(
        self, critic: Critic, real: Tensor, drawn: Tensor, text: Tensor | None, wrong: Tensor, step: int
    ) -> DiscriminatorScores:
        """Return the loss of a critic, and what it said.

        Args:
            critic: whose move it is.
            real: (B, 3, S, S) real pictures.
            drawn: (B, 3, S, S) drawn ones, with their graph, which is left alone.
            text: (B, E) of both; None where there is none.
            wrong: (B,) for each text the place of a real picture that it does not fit.
            step: number of the step, for penalties taken now and then.
        """
        w, log = self.weights, dict[str, Tensor]()
        seen, seen_drawn = critic.features(self.augment(real)), critic.features(self.augment(drawn.detach()))
        loss, right, alone = seen.new_zeros(()), None, None
        if text is not None:
            right, false = critic.judge(seen, text), critic.judge(seen_drawn, text)
            mismatch = critic.judge(seen[wrong], text)
            loss = loss + self._pair(right, false, w.right, w.drawn) + self._pair(right, mismatch, 0.0, w.wrong)
            log |= {"right": right, "wrong": mismatch, "drawn": false}
        if critic.alone is not None:
            alone, false = critic.alone(seen).flatten(), critic.alone(seen_drawn).flatten()
            loss = loss + self._pair(alone, false, w.real_alone, w.drawn_alone)
            log |= {"real": alone, "drawn alone": false}
        told = () if text is None else (text,)
        if "r1" in self.kit and step % LAZY == 0:
            loss = loss + LAZY * GAMMA / 2 * gradient_penalty(critic, real, *told)
        if "magp" in self.kit and text is not None:
            loss = loss + matching_penalty(lambda x, t: critic.judge(critic.features(x), t), real, text)
        rest = [None if score is None else score.detach() for score in (right, alone)]
        return DiscriminatorScores(loss, log, rest[0], rest[1])

    def generator_loss(self, critic: Critic, drawn: Tensor, text: Tensor | None, views: DiscriminatorScores) -> Tensor:
        """Return the loss of drawings (B, 3, S, S) that `critic` looks at: the sum over its heads."""
        seen = critic.features(self.augment(drawn))
        loss = seen.new_zeros(())
        if text is not None:
            loss = loss + self._pleases(critic.judge(seen, text), views.right)
        if critic.alone is not None:
            loss = loss + self._pleases(critic.alone(seen).flatten(), views.real)
        return loss

    def augment(self, images: Tensor) -> Tensor:
        """Return pictures as critics see them; their colours stay, as captions name colours."""
        return diff_augment(images, colour=False) if "augment" in self.kit else images

    def blur(self, drawn: Tensor) -> Tensor:
        """Return drawings as nets at rest see them that score them."""
        return hazy(drawn) if "haze" in self.kit else drawn

    def _pair(self, true: Tensor, false: Tensor, weight: float, against: float) -> Tensor:
        """Weigh a term that asks for a high score of `true` and one that asks for a low score of `false`."""
        if "relativistic" in self.kit:
            return against * F.softplus((false - true).float()).mean()
        if "hinge" in self.kit:
            return weight * (1 - true.float()).relu().mean() + against * (1 + false.float()).relu().mean()
        return weight * bce_real(true) + against * bce_fake(false)

    def _pleases(self, score: Tensor, rival: Tensor | None) -> Tensor:
        if "relativistic" in self.kit:
            assert rival is not None
            return F.softplus((rival - score).float()).mean()
        return -score.float().mean() if "hinge" in self.kit else bce_real(score)
