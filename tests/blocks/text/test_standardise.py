import torch
from torch.testing import assert_close

from limner.blocks.text.standardise import Standardise


def test_by_hand() -> None:
    standard = Standardise(2)
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert_close(standard(x), x)  # until it is fitted
    standard.fit(x)
    assert_close(standard(x), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    assert set(standard.state_dict()) == {"centre", "spread"}
