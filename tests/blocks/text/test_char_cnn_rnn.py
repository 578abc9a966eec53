import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from limner.blocks.text.char_cnn_rnn import ALPHABET, LENGTH, CharCnnRnn, ReedGru, ReluRnn

TEXTS = ["A woman with RED hair", "red hair", "", "\N{ROLLING ON THE FLOOR LAUGHING}", "x" * 500]


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("make", "parameters"),
    [(CharCnnRnn.cvpr, 1_814_144), (CharCnnRnn.icml_flowers, 2_994_560), (CharCnnRnn.icml_birds, 4_045_184)],
)
def test_has_the_published_size(make, parameters: int) -> None:
    assert count(make()) == parameters


@pytest.mark.parametrize(("make", "steps"), [(CharCnnRnn.cvpr, 8), (CharCnnRnn.icml_birds, 18)])
def test_shapes_along_the_way(make, steps: int) -> None:
    encoder = make(64)
    sizes = []
    for layer in encoder.convolve:
        layer.register_forward_hook(lambda module, given, made: sizes.append(made.shape[-1]))
    assert encoder.sentence(TEXTS).shape == (5, 64)
    assert sizes[::3] == [198, 63, 18]
    assert sizes[2::3] == [66, 21] + [8] * (steps == 8)
    assert sizes[-1] == steps


def test_the_alphabet_has_seventy_places_and_the_later_hyphen_counts() -> None:
    assert len(ALPHABET) == 70
    assert ALPHABET.count("-") == 2
    letters = CharCnnRnn.cvpr(64).letters(["-a z9"])[0]
    assert letters[:6].tolist() == [ALPHABET.rindex("-"), 0, 69, 25, 35, 70]


def test_case_does_not_count_and_strange_letters_are_blank_columns() -> None:
    encoder = CharCnnRnn.cvpr(64)
    assert_close(encoder.sentence(["Red Hair"]), encoder.sentence(["red hair"]))
    letters = encoder.letters(["a\N{PARTY POPPER}b", "x" * 500])
    assert letters.shape == (2, LENGTH)
    assert letters[0, :3].tolist() == [0, 70, 1]
    assert not encoder.one_hot[70].any()
    assert_close(encoder.one_hot[:70], torch.eye(70))


@pytest.mark.parametrize("make", [CharCnnRnn.cvpr, CharCnnRnn.icml_birds])
def test_a_row_alone_equals_the_row_in_a_batch(make) -> None:
    torch.manual_seed(0)
    encoder = make(64)
    together = encoder.sentence(TEXTS)
    assert together.isfinite().all()
    for row, text in zip(together, TEXTS, strict=True):
        assert_close(encoder.sentence([text])[0], row)
    assert not torch.allclose(together[0], together[1], atol=1e-6)


def sets(linear: nn.Module, weight: float, bias: float) -> None:
    assert isinstance(linear, nn.Linear)
    nn.init.constant_(linear.weight, weight)
    nn.init.constant_(linear.bias, bias)


def test_relu_recurrence_by_hand() -> None:
    net = ReluRnn(1)
    sets(net.read, 2.0, 1.0)
    sets(net.keep, -1.0, 0.5)
    x = torch.tensor([[[1.0], [2.0], [-3.0]]])
    # relu(2 + 1) = 3; relu(4 + 1 - 3 + .5) = 2.5; relu(-6 + 1 - 2.5 + .5) = 0
    assert_close(net(x)[0, :, 0], torch.tensor([3.0, 2.5, 0.0]))


def test_gated_recurrence_by_hand() -> None:
    net = ReedGru(1)
    for part in (net.read_z, net.keep_z, net.read_r, net.keep_r):
        sets(part, 0.0, 0.0)
    sets(net.read_z, 0.0, 1.0)
    sets(net.read, 1.0, 0.0)
    sets(net.keep, 2.0, 0.0)
    first, second = net(torch.tensor([[[0.5], [0.25]]]))[0, :, 0]
    half, z = torch.tensor(0.5), torch.tensor(1.0).sigmoid()
    assert_close(first, half.tanh())  # no gate at the first step
    candidate: Tensor = (0.25 + 2 * 0.5 * first).tanh()  # r = 1/2
    assert_close(second, z * candidate + (1 - z) * first)  # z multiplies the candidate


def test_average_and_last_state_differ() -> None:
    torch.manual_seed(0)
    mean = CharCnnRnn((16, 16, 16), 8, recurrent="gru", pool=False, average=True)
    last = CharCnnRnn((16, 16, 16), 8, recurrent="gru", pool=False, average=False)
    last.load_state_dict(mean.state_dict())
    assert not torch.allclose(mean.sentence(TEXTS), last.sentence(TEXTS))
