"""`kill -9` of the server in the midst of writes, again and again: what it had answered is there, nothing is broken.

Several people keep, give up and delete pictures over HTTP. What a person was answered is what the gallery must show
when the next server opens it; what was on the way when the server died may be there or not, but whole.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import galleries
from kills import Survived, kill_server

pytestmark = pytest.mark.slow
KILLS = 4


@pytest.mark.parametrize("kind", galleries.KINDS)
def test_what_was_answered_survives_the_servers_death(kind: str, tmp_path: Path) -> None:
    chance, survived = random.Random(0), Survived()
    with galleries.database(kind, tmp_path) as location:
        for _ in range(KILLS):
            kill_server(location, chance, survived)
            assert not survived.lost, f"after kill {survived.kills} of {len(survived.acknowledged)} pictures"
    assert set(survived.acknowledged.values()) == {"kept", "drawn", "deleted"}
