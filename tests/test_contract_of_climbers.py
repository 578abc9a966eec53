"""What the contract promises to systems that climb: gradients in `sample` and `style`, noise for steps, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fake_climber import Climber, Config
from limner.blocks.gradients import recurrent_gradients
from limner.data.schema import Schema
from limner.drawing.artist import Artist
from limner.drawing.seeds import style_of
from limner.errors import UserError
from limner.noise import Style
from limner.requests import Attributes, Blend, Caption, Nothing, Picture
from limner.system import sample_drafts

STYLE = Style((0.5, -1.0, 1.0, 0.25, 0.0, -0.5), "a.png")


@pytest.fixture
def system() -> Climber:
    torch.manual_seed(0)
    return Climber(Config(), Schema(8)).eval()


@pytest.fixture
def artist(system: Climber) -> Artist:
    return Artist(system, {"system": "climber", "sha256": {"weights.safetensors": "0"}}, "climber", Path("nowhere"))


def photo(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8))


def mask() -> Image.Image:
    half = Image.new("L", (20, 20), 0)
    half.paste(255, (0, 0, 20, 10))
    return half


def test_callers_leave_gradients_to_sample(artist: Artist) -> None:
    """A climb through an LSTM at rest ends elsewhere than it began, through every way an artist draws."""
    few, many = (artist.draw("a hat", seed=1, knobs={"steps": steps, "noise": 0})[0] for steps in (1, 40))
    assert few.tobytes() != many.tobytes()
    (drawn,) = artist.watch(artist.plan("a hat", 1, 1), knobs={"steps": 5})
    assert len(drawn.drafts) == 5 and not any(draft.images.requires_grad for draft in drawn.drafts)


def test_style_may_need_gradients(system: Climber) -> None:
    """Callers disable them around it; a picture's style is nearer to it than no noise is."""
    found = style_of(photo(), system)
    target = torch.from_numpy(np.array(photo().resize((8, 8), Image.Resampling.LANCZOS))).permute(2, 0, 1)
    target = target.float().div(127.5).sub(1)
    starts = (0.3 * torch.tensor([noise]) + system.write.bias for noise in (found.noise, (0.0,) * 6))
    near, far = ((system.draw(h) - target).square().sum() for h in starts)
    assert near < far


def test_a_climb_may_begin_in_a_style(artist: Artist) -> None:
    """Its first draw is the style, its steps draw further noise; equal calls are equal."""
    one, again = (artist.rows([(Caption("a"), STYLE)], knobs={"noise": 1.0}) for _ in range(2))
    assert next(one).tobytes() == next(again).tobytes()
    walked = artist.walk("a", [STYLE, 3], frames=2)
    assert len({image.tobytes() for image in walked}) == 3


def test_a_row_climbs_the_same_alone_as_among_others(system: Climber) -> None:
    rows = [
        (Caption("a hat"), 1), (Picture.of(photo(), mask(), Caption("red")), STYLE), (Nothing(), 2),
        (Blend(Caption("a"), Caption("b"), 0.5), (1, STYLE, 0.5)), (Picture.of(photo(1)), 5),
    ]  # fmt: skip
    *_, among = sample_drafts(system, [request for request, _ in rows], [seed for _, seed in rows])
    for row, (request, seed) in enumerate(rows):
        *_, alone = sample_drafts(system, [request], [seed])
        assert torch.allclose(among.images[row], alone.images[0], atol=1e-5)


def test_what_is_known_of_a_picture_stays_in_every_draft(artist: Artist) -> None:
    request = Picture.of(photo(), mask(), Caption("red"))
    read = request.read_at(8).arrays(8)[0].transpose(1, 2, 0)
    (drawn,) = artist.watch(artist.plan(request, 1, 3))
    assert np.array_equal(np.asarray(drawn.image)[:4], read[:4])
    assert not np.array_equal(np.asarray(drawn.image)[4:], read[4:])
    assert len(drawn.drafts) == 6
    for draft in drawn.drafts:
        assert torch.equal(draft.images[0, :, :4], drawn.drafts[-1].images[0, :, :4])


def test_what_is_asked_beside_a_picture_has_to_be_taken(artist: Artist) -> None:
    with pytest.raises(UserError, match="draws from a Caption or Picture or Nothing, not from Attributes"):
        artist.requests(Picture.of(photo(), None, Attributes({})))


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"steps": 0}, "knob of climber: steps is a number from 1 to 1,000, not 0"),
        ({"steps": "-3"}, "from 1 to 1,000, not -3"),
        ({"steps": 1_000_000}, "from 1 to 1,000, not 1,000,000"),
        ({"steps": "1e6"}, "from 1 to 1,000, not 1,000,000"),
        ({"steps": 2.5}, "steps expects a whole number, not 2.5"),
        ({"steps": "nan"}, "steps expects a whole number"),
        ({"noise": float("nan")}, "noise expects a number, not nan"),
        ({"noise": "inf"}, "noise expects a number"),
    ],
)
def test_knobs_say_their_bounds(artist: Artist, knobs: dict[str, object], says: str) -> None:
    with pytest.raises(UserError) as caught:
        artist.draw("a", knobs=knobs)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_recurrent_layers_run_as_in_training_without_their_dropout() -> None:
    """As cuDNN asks for what it is to go backward through; all else of the net stays at rest, and so does it after."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Dropout(0.5), nn.LSTM(3, 4, 2, dropout=0.5)).eval()
    x = torch.randn(5, 2, 3)
    seen: list[tuple[bool, float, bool]] = []
    net[1].register_forward_pre_hook(lambda layer, _: seen.append((layer.training, layer.dropout, net[0].training)))
    with torch.no_grad():
        at_rest = net(x)[0]
    with recurrent_gradients(net):
        open_ = net(x)[0]
    open_.sum().backward()
    assert seen == [(False, 0.5, False), (True, 0.0, False)] and torch.allclose(at_rest, open_, atol=1e-6)
    assert net[1].weight_ih_l0.grad is not None and not net[1].training and net[1].dropout == 0.5


def test_an_error_within_leaves_the_net_as_it_was() -> None:
    net = nn.LSTM(3, 4).eval()
    with pytest.raises(ValueError, match="stop"), recurrent_gradients(net):
        raise ValueError("stop")
    assert not net.training


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_backward_through_a_resting_lstm_on_a_gpu() -> None:
    """Without the block cuDNN refuses; with it the gradient is that of the CPU."""
    torch.manual_seed(0)
    net = nn.LSTM(3, 4, batch_first=True).eval()
    x = torch.randn(2, 5, 3, requires_grad=True)
    net(x)[0].square().sum().backward()
    there, moved = x.detach().cuda().requires_grad_(), net.cuda()
    with pytest.raises(RuntimeError, match="cudnn RNN backward"):
        moved(there)[0].square().sum().backward()
    with recurrent_gradients(moved):
        out = moved(there)[0]
    out.square().sum().backward()
    assert torch.allclose(there.grad.cpu(), x.grad, atol=1e-4)
