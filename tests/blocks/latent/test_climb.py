"""Climbing in a code space: a step by hand, each of its four pulls, rows that climb alone, restarts, going on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from limner.blocks.given import Given
from limner.blocks.latent.climb import ClimbKnobs, Hill, begin, climb, delta, groups, moved, on_grid, together
from limner.errors import UserError
from limner.settings import change

PULLS = {"prior": 0.0, "condition": 0.0, "noise": 0.0, "context": 0.0}


def knobs(**values: float) -> ClimbKnobs:
    return change(ClimbKnobs(), {"steps": 4, "every": 1} | PULLS | values)


def generate(h: Tensor) -> Tensor:
    """A picture of 1x1 pixels: twice the three numbers of a code."""
    return 2 * h[:, :, None, None]


def encode(images: Tensor) -> Tensor:
    """A code that is half of what the generator would need, and 3 off: E(G(h)) = h + 3."""
    return images.flatten(1) / 2 + 3


def likelihood(images: Tensor) -> Tensor:
    """log p = -(sum of pixels)^2 / 2, whose gradient by h is -2 times the sum."""
    return -images.flatten(1).sum(dim=1).square() / 2


def hill(given: Given | None = None, of: Callable[[Tensor], Tensor] = likelihood) -> Hill:
    return Hill((0, 1), generate, encode, of, given)


H = torch.tensor([[1.0, 0.0, 2.0], [0.5, 0.5, 0.0]])


def test_each_pull_by_hand() -> None:
    assert_close(delta(hill(), H, knobs(prior=0.1)), torch.full((2, 3), 0.3))  # E(G(h)) - h is 3
    sums = torch.tensor([6.0, 2.0])
    assert_close(delta(hill(), H, knobs(condition=0.5)), (0.5 * -2 * sums)[:, None].expand(2, 3))
    both = delta(hill(), H, knobs(prior=0.1, condition=0.5))
    assert_close(both, 0.3 + (0.5 * -2 * sums)[:, None].expand(2, 3))


def known(which: list[float]) -> Given:
    """Of both rows the pixel is known or not; it is (1, 0, 0)."""
    pixels = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(2, 3, 1, 1)
    return Given(pixels, torch.tensor(which).view(2, 1, 1, 1), torch.tensor([True, True]))


def test_what_is_known_pulls_and_stays_and_hides_the_rest_from_the_condition() -> None:
    given = known([1.0, 0.0])
    context = delta(hill(given), H, knobs(context=2.0))
    assert_close(context[0], -2 * 2 * (2 * H[0] - torch.tensor([1.0, 0.0, 0.0])))  # d |2h - c|^2 / 2 by h is 2 (2h - c)
    assert context[1].abs().max() == 0
    condition = delta(hill(given), H, knobs(condition=1.0))
    assert condition[0].abs().max() == 0  # all of the picture is known: there is no hole to change
    assert condition[1].abs().max() > 0
    assert torch.equal(hill(given).picture(H)[0], given.pixels[0])
    prior = delta(hill(given), H, knobs(prior=1.0))
    assert_close(prior[0], torch.tensor([3.5, 3.0, 3.0]) - H[0])  # E sees what is known in its place


def test_a_step_by_hand() -> None:
    """Its numbers change by the rate in the mean of each row, whatever the other row does; codes are in [0, 30]."""
    steps = torch.tensor([[1.0, -2.0, 3.0], [1e-6, 0.0, -2e-6]])
    h = torch.tensor([[1.0, 0.5, 29.5], [1.0, 1.0, 1.0]])
    assert_close(moved(h, steps, 1.0), torch.tensor([[1.5, 0.0, 30.0], [2.0, 1.0, 0.0]]))
    assert torch.equal(moved(h, torch.zeros(2, 3), 1.0), h.clamp(0, 30))


def test_the_rate_falls_linearly() -> None:
    start = torch.full((1, 3), 10.0)
    one = Hill((0,), generate, encode, likelihood)
    reached = [at.h for at in climb([one], knobs(prior=1.0, rate=1.0), start, torch.Tensor)]
    gone = torch.stack([start, *reached]).diff(dim=0)[:, 0, 0]
    assert_close(gone, torch.tensor([1.0, 0.75, 0.5, 0.25]))


def test_noise_is_drawn_only_where_its_knob_is_not_0() -> None:
    one, drawn = Hill((0,), generate, encode, likelihood), []

    def noise() -> Tensor:
        drawn.append(torch.tensor([[1.0, 0.0, -1.0]]))
        return drawn[-1]

    list(climb([one], knobs(prior=1.0), torch.ones(1, 3), noise))
    assert not drawn
    *_, last = climb([one], knobs(noise=1.0, steps=1), torch.full((1, 3), 5.0), noise)
    assert_close(last.h, torch.tensor([[6.5, 5.0, 3.5]]))


def test_a_climb_goes_on_where_it_stopped() -> None:
    """From the code that was reached and with as many steps done, bit for bit."""
    one, how = Hill((0, 0, 0, 0), generate, encode, likelihood), knobs(prior=0.01, condition=1.0, steps=6)
    start = on_grid(torch.rand(1, 3, generator=torch.Generator().manual_seed(0)) * 9)
    whole = [at.h for at in climb([one], how, start, torch.Tensor)]
    rest = [at.h for at in climb([one], dataclasses.replace(how, done=3), whole[2], torch.Tensor)]
    assert len(rest) == 3
    assert all(torch.equal(a, b) for a, b in zip(rest, whole[3:], strict=True))


def test_a_climb_that_starts_anew_keeps_the_likeliest_end_of_each_row() -> None:
    """Noise begins anew from a code that is worse for the first row and better for the second."""
    ends = torch.tensor([[1.0, 1.0, 1.0], [5.0, 5.0, 5.0]])
    other = torch.tensor([[9.0, 9.0, 9.0], [0.0, 0.0, 0.0]])
    two = Hill((0, 1, 1, 1), generate, encode, likelihood)
    still = knobs(steps=4, restart=2)  # nothing pulls, so rows stay where they begin
    *path, last = (at.h for at in climb([two], still, ends, lambda: other))
    assert torch.equal(path[-1], other)
    assert torch.equal(last, torch.stack([ends[0], other[1]]))


def test_rows_come_in_groups_of_four_and_what_fills_up_is_left_out() -> None:
    assert groups(6) == [(0, 1, 2, 3), (4, 5, 5, 5)]
    assert groups(1) == [(0, 0, 0, 0)]
    seen: list[int] = []

    def encoded(images: Tensor) -> Tensor:
        seen.append(len(images))
        return encode(images)

    hills = [Hill(rows, generate, encoded, likelihood) for rows in groups(6)]
    h = torch.arange(18.0).view(6, 3)
    assert torch.equal(together(hills, lambda one, own: one.encode(one.generate(own)), h), h + 3)
    assert seen == [4, 4]


def test_a_climb_begins_at_noise_at_the_code_of_a_picture_or_around_a_hole() -> None:
    noise = torch.full((2, 3), 7.0)
    assert begin(hill(), noise) is noise
    given = known([0.0, 1.0])
    begun = begin(hill(given), noise)
    assert_close(begun, torch.tensor([[3.5, 3.0, 3.0]] * 2))  # the first begins at it, the second has nothing else
    given = given._replace(known=torch.zeros(2, 1, 1, 1), is_given=torch.tensor([True, False]))
    assert_close(begin(hill(given), noise), torch.stack([begun[0], noise[1]]))


def test_what_lies_in_a_hole_is_not_looked_at() -> None:
    """Two pictures that differ in the hole alone begin at one code."""
    codes = []
    for hidden in (0.3, -0.9):
        pixels = torch.full((1, 3, 1, 2), 0.5)
        pixels[..., 1] = hidden
        mask = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
        one = Hill(
            (0,), lambda h: h[:, :, None, None].expand(-1, -1, 1, 2), lambda x: x[..., 1].flatten(1), likelihood,
            Given(pixels, mask, torch.tensor([True])),
        )  # fmt: skip
        codes.append(begin(one, torch.full((1, 3), 4.0)))
    assert torch.equal(*codes)


def test_gradients_are_there_whoever_disabled_them_and_no_draft_keeps_a_graph() -> None:
    with torch.no_grad():
        one = delta(hill(), H, knobs(condition=1.0))
    assert one.abs().max() > 0 and not one.requires_grad


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"steps": 0}, "steps is a number from 1 to 2,000, not 0"),
        ({"steps": 1_000_000}, "not 1,000,000"),
        ({"every": 0}, "every is a number from 1"),
        ({"prior": -1.0}, "prior is a number from 0"),
        ({"steps": 10, "done": 10}, "of 10 steps, 0 to 9 can be done already"),
        ({"restart": -1}, "restart is a number from 0"),
    ],
)
def test_knobs_that_make_no_climb(values: dict[str, float], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        change(ClimbKnobs(), values, "knob")
    assert "\n" not in str(caught.value)
