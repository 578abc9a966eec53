"""The adversarial losses of a cascade whose discriminators have both heads, as AttnGAN weighs them (eqs. 5 and 6).

Letters: B pictures, s side of a stage, E width of a sentence vector.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.blocks.discriminators.joint import JointDiscriminator
from limner.blocks.discriminators.pyramid import Discriminators
from limner.blocks.losses.matching_aware import AdversarialLoss, DiscriminatorScores


def stage_loss(
    gan: AdversarialLoss, d: JointDiscriminator, real: Tensor, fake: Tensor, sentence: Tensor, wrong: Tensor, step: int
) -> DiscriminatorScores:
    """Return L_D of a stage: real pictures weigh 1/2, fakes and mismatched pairs 1/3 each, with the text and alone.

    The weights are those of the authors' code (AttnGAN, and after it MirrorGAN and ControlGAN): a mean over each kind
    of pair. A discriminator that scores no pictures alone weighs its pairs 1, 1/2 and 1/2.

    Args:
        gan: one term of the loss.
        d: the discriminator of the stage.
        real, fake: pictures (B, 3, s, s), real ones and the generator's, which are detached here.
        sentence: (B, E) of both.
        wrong: (B,) for each text the place of a real picture that it does not fit.
        step: number of the step, for penalties of the kit.
    """
    x, x_hat = d.features(gan.augment(real)), d.features(gan.augment(fake.detach()))
    right, drawn, mismatched = d.judge(x, sentence), d.judge(x_hat, sentence), d.judge(x[wrong], sentence)
    if d.alone is None:
        loss = gan.real(right) + 1 / 2 * gan.fake(drawn, right) + 1 / 2 * gan.fake(mismatched, right)
        loss = sum(gan.penalties(d, real, sentence, step), start=loss)
        log = {"right": right, "wrong": mismatched, "drawn": drawn}
        return DiscriminatorScores(loss, log, right.detach(), None)
    loss = 1 / 2 * gan.real(right) + 1 / 3 * gan.fake(drawn, right) + 1 / 3 * gan.fake(mismatched, right)
    alone, drawn_alone = d.judge_alone(x), d.judge_alone(x_hat)
    loss = loss + (1 / 2 * gan.real(alone) + 1 / 3 * gan.fake(drawn_alone, alone))
    loss = sum(gan.penalties(d, real, sentence, step), start=loss)
    log = {"right": right, "wrong": mismatched, "drawn": drawn, "real": alone, "drawn alone": drawn_alone}
    return DiscriminatorScores(loss, log, right.detach(), alone.detach())


def adversarial_loss(
    gan: AdversarialLoss,
    critics: Discriminators,
    images: Sequence[Tensor],
    sentence: Tensor,
    scores: Sequence[DiscriminatorScores],
) -> Tensor:
    """Return the sum of L_Gi over stages, each -E log D_i(x, s) - E log D_i(x), the latter where D_i scores that.

    Args:
        gan: one term of the loss.
        critics: D_i.
        images: the generator's pictures of all stages, (B, 3, s, s).
        sentence: (B, E).
        scores: what each discriminator gave real pictures, for relativistic losses.
    """
    l_g = []
    for (_, d), fake, its in zip(critics.named(), images, scores, strict=True):
        x_hat = d.features(gan.augment(fake))
        loss = gan.generator(d.judge(x_hat, sentence), its.right)
        l_g.append(loss if d.alone is None else loss + gan.generator(d.judge_alone(x_hat), its.real))
    return torch.stack(l_g).sum()
