"""Adversarial losses of the cascades: real against fake, with a text and alone, and the modern kit that changes them.

A discriminator scores a real picture with its text (right), a real picture with a text that does not fit it (wrong),
and a generated picture with its text (drawn); its second head, where it has one, scores pictures alone. The papers
differ in the weights of these terms, which each system's own file states; `AdversarialLoss` is one term. The kit adds,
each by its name:

    hinge         max(0, 1 - s) and max(0, 1 + s) in place of the logarithm of a sigmoid (Lim and Ye 2017; SAGAN 2019)
    relativistic  each fake against the real one: softplus(fake - real) (Jolicoeur-Martineau 2019; R3GAN)
    r1            squared gradient at real pictures, every 16th step (Mescheder et al. 2018; lazily: StyleGAN2, 2020)
    magp          gradient in picture and text at right pairs, to the sixth power (DF-GAN, Tao et al. 2022)
    augment       discriminators see all pictures shifted and in part covered (DiffAugment, Zhao et al. 2020)
    spectral      spectral norm in place of the discriminator's batch norm (Miyato et al. 2018)
    haze          frozen encoders and captioners see generated pictures blurred and noisy, so that no faint pattern
                  fools them

Letters: B pictures, S their side, E width of a text's vector, s a score.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from limner.blocks.losses.adversarial import bce_fake, bce_real
from limner.blocks.losses.differentiable_augmentation import diff_augment, hazy
from limner.blocks.losses.penalties import gradient_penalty, matching_penalty
from limner.errors import UserError

if TYPE_CHECKING:
    from limner.blocks.discriminators.joint import JointDiscriminator

KIT = ("hinge", "relativistic", "r1", "magp", "augment", "spectral", "haze")
LAZY, GAMMA = 16, 0.2  # r1: steps between two penalties, its weight
LOSSES = ("hinge", "relativistic")


class AdversarialLoss:
    """One term of an adversarial loss: -log D(x) and -log(1 - D(x)), or what the kit puts in their place.

    Args:
        kit: names of modern ingredients.

    Raises:
        UserError: for an unknown ingredient, or two losses at once.
    """

    def __init__(self, kit: Collection[str] = ()) -> None:
        for name in kit:
            if name not in KIT:
                raise UserError(f"kit={name}: what there is are {', '.join(KIT)}")
        if set(LOSSES) <= set(kit):
            raise UserError("kit: hinge and relativistic are two losses, choose one")
        self.kit = frozenset(kit)

    def real(self, score: Tensor) -> Tensor:
        """Return the discriminator's loss of real pictures, -E log D, from logits (B,).

        It is 0 where the loss is relativistic: real pictures then enter as the opponents of each fake.
        """
        if "relativistic" in self.kit:
            return score.new_zeros((), dtype=torch.float32)
        return (1 - score.float()).relu().mean() if "hinge" in self.kit else bce_real(score)

    def fake(self, score: Tensor, real: Tensor) -> Tensor:
        """Return the discriminator's loss of fakes, -E log(1 - D), from logits (B,).

        Args:
            score: logits of the fakes.
            real: logits of the real pictures that they stand against; used only where the loss is relativistic.
        """
        if "relativistic" in self.kit:
            return F.softplus((score - real).float()).mean()
        return (1 + score.float()).relu().mean() if "hinge" in self.kit else bce_fake(score)

    def generator(self, score: Tensor, real: Tensor | None) -> Tensor:
        """Return the generator's loss, -E log D, from logits (B,) of its pictures; `real` as in `fake`, detached."""
        if "relativistic" in self.kit:
            assert real is not None
            return F.softplus((real - score).float()).mean()
        return -score.float().mean() if "hinge" in self.kit else bce_real(score)

    def penalties(
        self, discriminator: JointDiscriminator, real: Tensor, text: Tensor | None, step: int
    ) -> Iterator[Tensor]:
        """Yield the gradient penalties of this step at real pictures (B, 3, S, S) with their texts (B, E)."""
        if "r1" in self.kit and step % LAZY == 0:
            condition = () if text is None else (text,)
            yield LAZY * GAMMA / 2 * gradient_penalty(discriminator, real, *condition)
        if "magp" in self.kit and text is not None:
            yield matching_penalty(lambda x, t: discriminator.judge(discriminator.features(x), t), real, text)

    def augment(self, images: Tensor) -> Tensor:
        """Return pictures as discriminators see them; colours stay, as captions name colours."""
        return diff_augment(images, colour=False) if "augment" in self.kit else images

    def blur(self, drawn: Tensor) -> Tensor:
        """Return generated pictures as the frozen nets see them that score them."""
        return hazy(drawn) if "haze" in self.kit else drawn


@dataclass(frozen=True)
class DiscriminatorScores:
    """The loss of a discriminator, and those of its scores that the generator's loss needs."""

    loss: Tensor
    log: dict[str, Tensor]
    right: Tensor | None
    """(B,) scores of right pairs, detached; None without a text."""
    real: Tensor | None
    """(B,) scores of real pictures alone, detached; None without that head."""
