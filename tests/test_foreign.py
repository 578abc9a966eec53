"""Whatever a stranger's file holds, it is read or refused in one line: requests, recipes, checkpoints, pickles, data.

What is tried is the same in every run; `LIMNER_FUZZ=50 pytest tests/test_foreign.py` tries fifty times as much.
"""

from __future__ import annotations

import json
import os
import pickletools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from artists import published
from limner import checkpoint
from limner.data.check import check
from limner.data.dataset import Dataset
from limner.data.importers.unpickle import unpickle
from limner.drawing import recipe
from limner.errors import UserError
from limner.files import sha256
from limner.requests import Request, from_json, kinds, to_json
from limner.training.run_folder import RunFolder
from picture_sets import encoded, picture

TIMES = int(os.environ.get("LIMNER_FUZZ", "1"))


def tries(count: int) -> settings:
    return settings(
        max_examples=count * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


NUMBERS = st.integers() | st.sampled_from([0, -1, 2**31, 2**63, 10**400]) | st.floats()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def tried(act: Callable[[], Any]) -> Any:
    """Return what an act returns, None where it is refused in one line; anything else is an error of this test."""
    try:
        return act()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 2_000, str(error)
        return None


@given(
    kind=st.sampled_from(sorted(kinds())),
    fields=st.dictionaries(st.text(max_size=8), ANYTHING, max_size=3),
    value=ANYTHING,
)
@tries(150)
def test_requests(kind: str, fields: dict[str, Any], value: Any) -> None:
    own = {field.name: value for field in kinds()[kind].fields()} if kind != "blend" else {"first": value, "t": value}
    for body in (fields, own | fields, own):
        request = tried(lambda body=body: from_json({"kind": kind} | body))
        if isinstance(request, Request):
            assert from_json(json.loads(json.dumps(to_json(request)))) == request


@given(body=ANYTHING | st.dictionaries(st.sampled_from(["artist", "request", "seed", "knobs"]), ANYTHING))
@tries(150)
def test_recipes(body: Any) -> None:
    found = tried(lambda: recipe.from_text(json.dumps(body)))
    assert found is None or found == json.loads(json.dumps(body)) or found != found


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("sound") / "artist")


def harmed(sound: Path, folder: Path, file: str, content: bytes) -> Path:
    """Copy a checkpoint with other content of a file, and with the record signed for it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    (folder / file).write_bytes(content)
    if file != checkpoint.RECORD:
        record = json.loads((folder / checkpoint.RECORD).read_text())
        record["sha256"][file] = sha256(content)
        record["bytes"] = min(record["bytes"], len(content))
        (folder / checkpoint.RECORD).write_text(json.dumps(record))
    return folder


@given(data=st.data(), value=ANYTHING)
@tries(120)
def test_checkpoints_whose_record_or_schema_was_changed(
    data: st.DataObject, value: Any, sound: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = data.draw(st.sampled_from([checkpoint.RECORD, checkpoint.SCHEMA]))
    body = json.loads((sound / file).read_text())
    inside = data.draw(st.sampled_from([None, *(name for name, one in body.items() if isinstance(one, dict))]))
    part = body if inside is None else body[inside]
    part[data.draw(st.sampled_from([*sorted(part), ""]) | st.text(max_size=8))] = value
    folder = tmp_path_factory.getbasetemp() / "changed"
    tried(lambda: checkpoint.open(harmed(sound, folder, file, json.dumps(body).encode())))


@given(data=st.data())
@tries(60)
def test_checkpoints_whose_weights_were_changed(
    data: st.DataObject, sound: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray((sound / checkpoint.WEIGHTS).read_bytes())
    head = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, head))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.getbasetemp() / "weights"
    tried(lambda: checkpoint.open(harmed(sound, folder, checkpoint.WEIGHTS, bytes(content))))


KINDS = [torch.float16, torch.float64, torch.bfloat16, torch.int8, torch.int64, torch.bool, torch.complex64]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_weights_of_another_kind(kind: torch.dtype, sound: Path, tmp_path: Path) -> None:
    values = safetensors.torch.load_file(sound / checkpoint.WEIGHTS)
    content = safetensors.torch.save({n: v.to(kind) if v.is_floating_point() else v for n, v in values.items()})
    system = tried(lambda: checkpoint.open(harmed(sound, tmp_path / "kind", checkpoint.WEIGHTS, content)))
    assert (system is not None) == (kind in (torch.float16, torch.float64, torch.bfloat16))


OPCODES = [code.code.encode("latin-1") for code in pickletools.opcodes]
ARGUMENTS = st.sampled_from(
    [b"", b"\x00", b"\x01", b"\x02", b"\xff" * 4, b"\x01\x00\x00\x00a", b"a\n", b"a\nb\n", b"5\n"]
)
NUMPY = st.sampled_from([b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n"])


@given(parts=st.lists(st.sampled_from(OPCODES) | ARGUMENTS | NUMPY, max_size=40), doubled=st.integers(0, 60))
@tries(250)
def test_pickles(parts: list[bytes], doubled: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "some.pickle"
    path.write_bytes(b"(" + b")" + b"2\x86" * doubled + b"".join(parts) + b".")
    tried(lambda: unpickle(path))


NAMES = st.sampled_from(
    ["text", "label", "attributes", "boxes", "masks", "keypoints", "dialogue", "description", "story", "frame", "split",
     "image", "file_name", "colour"]
)  # fmt: skip


@given(rows=st.lists(st.dictionaries(NAMES, ANYTHING, max_size=3), min_size=1, max_size=3))
@tries(60)
def test_data(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "set"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encoded(picture(number)))
    lines = [json.dumps({"file_name": f"{number}.png", "text": "a hat"} | row) for number, row in enumerate(rows)]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    cache = tmp_path_factory.getbasetemp() / "cache"
    tried(lambda: check(folder, cache=cache))
    for skip in (False, True):
        tried(lambda skip=skip: Dataset.open(folder, size=8, cache=cache, skip_bad=skip, held_out=0))


@given(body=ANYTHING | st.dictionaries(st.sampled_from(["config", "data", "seed", "system", "parts"]), ANYTHING))
@tries(100)
def test_runs(body: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "run"
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(body))
    (folder / "log.jsonl").write_text("\n".join(json.dumps(one) for one in (body, [body])) + "\n")
    run = tried(lambda: RunFolder.open(folder))
    if run is not None:
        tried(lambda: run.rewind(0))
