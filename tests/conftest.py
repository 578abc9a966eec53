"""Every test runs offline, on one thread, with caches of its own.

The environment is set before anything imports a library that reads it: pytest loads this file first.
"""

import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("limner", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
settings.load_profile("limner")

# One thread a process: pytest-xdist already fills the cores, and such sums are the same on every machine.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

_caches = tempfile.TemporaryDirectory(prefix="limner-test-caches-")
os.environ["HF_HOME"] = os.path.join(_caches.name, "huggingface")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["LIMNER_CACHE"] = os.path.join(_caches.name, "limner")
os.environ["XDG_CACHE_HOME"] = os.path.join(_caches.name, "cache")
# Rich and Typer wrap and colour by the terminal they find; tests read plain text of one known width.
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "200"
os.environ.pop("FORCE_COLOR", None)

import torch  # noqa: E402 (after the environment it reads)

torch.set_num_threads(1)


def _is_local(address: Any) -> bool:
    if not isinstance(address, tuple):  # a Unix socket
        return True
    return address[0] in {"127.0.0.1", "::1", "localhost", "0.0.0.0"}


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine: no test needs the network by accident."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if not _is_local(address):
            raise RuntimeError(f"a test tried to reach {address}: tests run without the network")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]
