"""What tests of commands share: calling one as a person does, and the number of threads put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from limner import cli


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call `limner` with these arguments: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return call
