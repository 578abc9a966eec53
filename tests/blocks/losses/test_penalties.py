"""The gradient penalty: a value worked by hand, and the precision it is computed in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from limner.blocks.losses.penalties import gradient_penalty


class Critic(nn.Module):
    """Two convolutions and an inner product with the text, as the house's discriminators have them."""

    def __init__(self) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2)
        )
        self.alone, self.text = nn.Linear(64, 1), nn.Linear(16, 64)
        self.computed: list[torch.dtype] = []

    def forward(self, images: Tensor, text: Tensor) -> Tensor:
        maps = self.convolve(images)
        self.computed.append(maps.dtype)
        pooled = F.avg_pool2d(maps, 2).flatten(2).sum(dim=2)
        return self.alone(pooled).flatten() + (pooled * self.text(text)).sum(dim=1)


def test_the_penalty_is_the_squared_norm_of_the_slope() -> None:
    # D(x, t) = t * sum of x over 3 x 2 x 2 numbers: its slope is t at each, so its squared norm is 12 t^2
    images, text = torch.zeros(2, 3, 2, 2), torch.tensor([1.0, 2.0])
    penalty = gradient_penalty(lambda x, t: t * x.flatten(1).sum(dim=1), images, text)
    assert_close(penalty, torch.tensor((12.0 + 48.0) / 2))


@pytest.fixture
def critic() -> Critic:
    torch.manual_seed(0)
    return Critic().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def penalised(critic: Critic, *, autocast: bool, around: bool = True) -> tuple[Tensor, Tensor]:
    """Return the penalty of 16 pictures and its gradient in all weights that have one, in a training in bf16."""
    generator = torch.Generator().manual_seed(1)
    images, text = torch.rand(16, 3, 16, 16, generator=generator), torch.randn(16, 16, generator=generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=around):
        penalty = gradient_penalty(critic, images, text, autocast=autocast)
    weights = [weight for name, weight in critic.named_parameters() if name.endswith("weight")]
    return penalty.detach(), torch.cat([one.flatten() for one in torch.autograd.grad(penalty, weights)])


def test_in_bf16_value_and_gradient_are_nearly_those_of_full_precision(critic: Critic) -> None:
    (exact, towards), (quick, nearly) = penalised(critic, autocast=False), penalised(critic, autocast=True)
    assert quick.dtype == nearly.dtype == torch.float32
    assert nearly.isfinite().all()
    assert_close(quick, exact, rtol=0.02, atol=0)
    assert F.cosine_similarity(nearly, towards, dim=0) > 0.995
    assert_close(nearly.norm(), towards.norm(), rtol=0.02, atol=0)


def test_full_precision_is_the_default_and_the_papers(critic: Critic) -> None:
    """In a training in bf16 the penalty as it was computes in float32; with `autocast` it does as the training does."""
    penalised(critic, autocast=False)
    penalised(critic, autocast=True)
    penalised(critic, autocast=True, around=False)  # --precision fp32 stays what it says
    assert critic.computed == [torch.float32, torch.bfloat16, torch.float32]
