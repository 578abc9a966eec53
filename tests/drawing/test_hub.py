"""The Hub, by a stand-in for its client: a folder on this disk. Each call is checked against the real signature."""

from __future__ import annotations

import dataclasses
import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from PIL import Image

import limner
from artists import TEXTS, published
from enlargers import with_enlarger
from limner import checkpoint, cli
from limner.drawing import hub
from limner.drawing.publish import Terms, unneeded
from limner.errors import UserError

REPORT: dict[str, Any] = {
    "system": "fake-system",
    "protocol": {"data": "hats", "size": 8, "pictures": 10, "seed": 0, "judge": "0123456789ab", "split": "test"},
    "figures": {"fid[judge:hats]": {"value": 3.25, "real": 1.5, "better": -1}, "attributes": {"value": 0.9}},
}


class Hub:
    """What the client does, on a folder: repositories there, what was fetched in a cache beside it."""

    def __init__(self, folder: Path) -> None:
        self.repositories, self.cache, self.online = folder / "hub", folder / "cache", True
        self.fetched: list[str] = []
        self.real = {
            name: inspect.signature(getattr(owner, name))
            for owner, name in (
                (huggingface_hub, "snapshot_download"),
                (huggingface_hub.HfApi, "create_repo"),
                (huggingface_hub.HfApi, "upload_folder"),
            )
        }

    def __call__(self) -> Hub:
        """`HfApi()` is this very stand-in."""
        return self

    def create_repo(self, *given: Any, **named: Any) -> str:
        asked = self.real["create_repo"].bind(self, *given, **named).arguments
        self._reach()
        (self.repositories / asked["repo_id"]).mkdir(parents=True, exist_ok=asked["exist_ok"])
        return f"https://hub.example/{asked['repo_id']}"

    def upload_folder(self, *given: Any, **named: Any) -> None:
        asked = self.real["upload_folder"].bind(self, *given, **named).arguments
        self._reach()
        self._copy(Path(asked["folder_path"]), self.repositories / asked["repo_id"], asked["allow_patterns"])

    def snapshot_download(self, *given: Any, **named: Any) -> str:
        asked = self.real["snapshot_download"].bind(*given, **named).arguments
        kept = self.cache / asked["repo_id"]
        self.fetched.append(asked["repo_id"])
        if not asked.get("local_files_only") and self.online:
            source = self.repositories / asked["repo_id"]
            if not source.is_dir():
                raise self.refusal(404)
            self._copy(source, kept, asked["allow_patterns"])
        if not kept.is_dir():
            raise LocalEntryNotFoundError("not in the cache")
        return str(kept)

    def refusal(self, status: int) -> Exception:
        class Response:
            status_code = status

        error = ConnectionError(f"{status} for the repository")
        error.response = Response()  # type: ignore[attr-defined]
        return error

    def _reach(self) -> None:
        if not self.online:
            raise ConnectionError("the network is unreachable")

    @staticmethod
    def _copy(source: Path, target: Path, patterns: list[str]) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for path in {path for pattern in patterns for path in source.glob(pattern)}:
            shutil.copy(path, target)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.snapshot_download)
    monkeypatch.setattr(huggingface_hub, "HfApi", made)
    return made


def test_what_is_pushed_can_be_loaded_by_anyone(tmp_path: Path, stand_in: Hub) -> None:
    artist = limner.load(published(tmp_path / "mine"))
    (tmp_path / "mine" / "state.pt").write_bytes(b"optimisers are nobody's business")
    assert artist.push("me/hats", terms=Terms(half=False, whole=True)) == "https://hub.example/me/hats"
    assert {path.name for path in (stand_in.repositories / "me" / "hats").iterdir()} == {
        "system.json",
        "schema.json",
        "weights.safetensors",
        "README.md",
        "grid.png",
    }
    again = limner.load("me/hats")
    assert again.sha256 == artist.sha256
    assert again.draw(TEXTS[0], seed=1)[0].tobytes() == artist.draw(TEXTS[0], seed=1)[0].tobytes()


def pixels(artist: limner.Artist) -> np.ndarray:
    return np.asarray(artist.draw(TEXTS[0], seed=1)[0]).astype(int)


def test_by_default_half_the_bytes_go_and_no_critic(tmp_path: Path, stand_in: Hub) -> None:
    artist = limner.load(published(tmp_path / "mine"))
    artist.push_to_hub("me/hats")
    record = checkpoint.read(stand_in.repositories / "me" / "hats")
    assert record["omitted"] == ["critic"], "which nothing but training calls"
    assert record["bytes"] < artist.record["bytes"] * 0.7
    assert record["parameters"] == artist.record["parameters"] - sum(
        p.numel() for p in artist.system.critic.parameters()
    )
    assert record["trained"] == artist.record["trained"]
    again = limner.load("me/hats")
    assert np.abs(pixels(again) - pixels(artist)).max() <= 1
    assert again.system.state_dict().keys() == artist.system.state_dict().keys()
    with Image.open(stand_in.repositories / "me" / "hats" / "grid.png") as grid:
        assert min(grid.size) > artist.side, "samples of its own examples"


def test_a_module_that_is_used_without_being_called_stays(tmp_path: Path) -> None:
    artist = limner.load(published(tmp_path / "mine"))
    assert unneeded(artist) == ["critic"]
    sample = type(artist.system).sample

    def by_weight(self: Any, *given: Any) -> Any:
        for draft in sample(self, *given):
            yield dataclasses.replace(draft, images=draft.images + self.critic.bias)

    artist.system.sample = by_weight.__get__(artist.system)  # it reads the critic's bias, and calls nothing
    assert unneeded(artist) == []


def test_an_enlarger_goes_along(tmp_path: Path, stand_in: Hub) -> None:
    artist = limner.load(with_enlarger(published(tmp_path / "small"), tmp_path / "mine"))
    artist.push("me/hats")
    again = limner.load("me/hats")
    assert again.sizes == artist.sizes and again.enlarger.sha256 == artist.enlarger.sha256


def test_the_command_pushes_or_shows_what_it_would(
    tmp_path: Path, stand_in: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, figures = str(published(tmp_path / "mine")), tmp_path / "figures.jsonl"
    figures.write_text(json.dumps(REPORT | {"artist": "mine"}) + "\n")
    command = ["push", mine, "me/hats", "--licence", "cc-by-4.0", "--figures", str(figures)]
    assert cli.main([*command, "--folder", str(tmp_path / "look"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(tmp_path / "look")
    assert not stand_in.repositories.exists(), "nothing was published"
    assert cli.main(command) == 0 and "https://hub.example/me/hats" in capsys.readouterr().out
    card = huggingface_hub.ModelCard.load(stand_in.repositories / "me" / "hats" / "README.md")
    assert card.text == huggingface_hub.ModelCard.load(tmp_path / "look" / "README.md").text
    assert card.data.license == "cc-by-4.0" and card.data.eval_results[0].metric_value == 3.25
    assert "limner.load('me/hats')" in card.text
    (tmp_path / "other.jsonl").write_text(json.dumps(REPORT | {"artist": "yours"}) + "\n")
    for more, says in (
        (["--figures", str(tmp_path / "other.jsonl")], "figures of yours, and not of"),
        (["--figures", mine + "/system.json"], "no results file"),
        (["--figures", "nowhere.jsonl"], "cannot read nowhere.jsonl"),
    ):
        assert cli.main(["push", mine, "me/hats", *more]) == 2 and says in capsys.readouterr().err
    assert cli.main(["push", mine, "hats"]) == 2 and "owner/name" in capsys.readouterr().err


def test_only_what_cannot_run_is_fetched(tmp_path: Path, stand_in: Hub) -> None:
    limner.load(published(tmp_path / "mine")).push("me/hats")
    for name in ("evil.py", "model.pt", "weights.bin"):
        (stand_in.repositories / "me" / "hats" / name).write_text("boo")
    assert not {path.suffix for path in hub.fetch("me/hats").iterdir()} & {".py", ".pt", ".bin"}


def test_offline_what_was_fetched_is_found_again(tmp_path: Path, stand_in: Hub) -> None:
    limner.load(published(tmp_path / "mine")).push("me/hats")
    limner.load("me/hats")
    stand_in.online = False
    assert limner.load("me/hats").draw(TEXTS[0])
    with pytest.raises(UserError, match="never fetched"):
        limner.load("me/gloves")
    with pytest.raises(UserError, match="cannot publish me/hats"):
        limner.load("me/hats").push("me/hats")


def test_what_only_a_recipe_names_is_not_fetched(
    tmp_path: Path, stand_in: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limner.load(published(tmp_path / "mine")).push("me/hats")
    limner.write(limner.load("me/hats").draw(TEXTS[0], seed=1)[0], "it.png")
    fetched = len(stand_in.fetched)
    again = ["draw", "--again", "it.png", "-o", "second", "--no-show"]
    assert cli.main(again) == 2 and "say --artist me/hats" in capsys.readouterr().err
    assert len(stand_in.fetched) == fetched, "nothing was asked of the Hub"
    assert cli.main([*again, "--artist", "me/hats"]) == 0


@pytest.mark.parametrize(
    ("status", "says"), [(404, "private"), (401, "hf auth login"), (500, "500 for the repository")]
)
def test_a_refusal_is_one_clear_line(stand_in: Hub, monkeypatch: pytest.MonkeyPatch, status: int, says: str) -> None:
    def refuse(*given: Any, local_files_only: bool = False, **named: Any) -> str:
        raise LocalEntryNotFoundError("not in the cache") if local_files_only else stand_in.refusal(status)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(UserError, match=says) as caught:
        limner.load("me/nothing")
    assert "\n" not in str(caught.value)


def test_the_real_client_offline_is_one_clear_line() -> None:
    """The suite runs with HF_HUB_OFFLINE: this is the real code path of a machine without a network."""
    with pytest.raises(UserError, match="never fetched"):
        limner.load("limner-tests/never-there")


@pytest.mark.parametrize("name", ["a/b.git", "a/b..c", "a/b--c", "a./b", "a/" + "b" * 200, "x" * 300, "x/" + "y" * 300])
def test_what_is_no_id_is_one_clear_line(name: str) -> None:
    with pytest.raises(UserError, match="no artist") as caught:
        limner.load(name)
    assert "\n" not in str(caught.value)


def test_ids() -> None:
    assert hub.is_id("me/hats") and hub.is_id("A-b/c.d_1")
    assert not any(hub.is_id(name) for name in ("hats", "a/b/c", "./a", "../a", "/a", "a/", "a b/c"))
    with pytest.raises(UserError, match="owner/name"):
        hub.publish(Path("."), "hats")
