"""T2F's second version: the text squeezed, beside the maps of the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from limner.data.views import Pairs
from limner.system import Clock
from limner.systems.t2f import T2F, Discriminator
from toy import shapes


def test_the_second_versions_text_lies_beside_the_maps_squeezed() -> None:
    """A text (1, -1) is squeezed to -1 and lies beside maps of 0.5 and 2: 10 f(f(0.5 - 1)) + f(f(2)), f leaky ReLU."""
    critic = Discriminator((2,), 2, None, squeeze=1)
    assert critic.join is not None
    for layer, weight in (
        (critic.ask, torch.tensor([[1.0, 2.0]])),
        (critic.join, torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])[:, :, None, None]),
        (critic.gather, torch.eye(2)[:, :, None, None].expand(2, 2, 4, 4) / 16),
        (critic.score, torch.tensor([[10.0, 1.0]])),
    ):
        layer.scale = 1.0
        layer.weight = nn.Parameter(weight.clone())
    maps = torch.tensor([0.5, 2.0])[None, :, None, None].expand(1, 2, 4, 4)
    assert critic.match(maps, torch.tensor([[1.0, -1.0]])).item() == pytest.approx(10 * 0.2 * 0.2 * -0.5 + 2)
    assert critic.features(maps).shape == (1, 2, 4, 4)


def test_a_step_of_the_second_version_scores_mismatches(tmp_path) -> None:
    """A picture's score with its text is another than with a text that does not fit, as both are in the step's."""
    data = shapes(tmp_path / "shapes", 16)
    torch.manual_seed(0)
    system = T2F(dataclasses.replace(T2F.presets["tiny"], squeeze=4), data.schema)
    assert system.critic.join is not None and system.critic.ask.out_features == 4
    batch = Pairs.gather(data, range(8), np.random.default_rng(0)).to("cpu")
    critic, generator = system.phases()[1].step(batch, Clock(seen=100, total=1_600, step=0))  # type: ignore[misc]
    right, wrong = critic.log["right"], critic.log["wrong"]
    assert not torch.allclose(right[batch.wrong], wrong)
    critic.loss.backward(retain_graph=True)
    assert float(system.critic.ask.weight.grad.abs().max()) > 0  # type: ignore[union-attr]
    generator.loss.backward()
    assert all(part.grad is not None for part in system.text.parameters())
