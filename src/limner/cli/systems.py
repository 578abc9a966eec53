"""`limner list`, `show` and `new`: what there is to train and to draw with, and how to begin a system of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner import settings
from limner.cli.console import Json, emit

if TYPE_CHECKING:
    from limner.catalogue import Brief, Field, Summary

HERE = Path(__file__).parent / "templates"


def list_all(as_json: Json = False) -> None:
    """List the systems one can train and the artists that can draw at once.

    limner list

    limner list --json
    """
    import dataclasses

    from limner import catalogue, checkpoint
    from limner.drawing import resolve

    artists = {name: checkpoint.read(resolve.BUNDLED / name) for name in resolve.bundled()}
    if as_json:
        for name in catalogue.names():
            emit({"kind": "system", **dataclasses.asdict(catalogue.summary(name))}, True, "")
        for name, about in artists.items():
            emit({"kind": "artist", "name": name} | _brief(about), True, "")
        return
    _table(("system", "year", "title", "presets"), [_row(catalogue.brief(name)) for name in catalogue.names()])
    if artists:
        print()
        rows = [(name, about["system"], f"{about['parameters']:,}") for name, about in artists.items()]
        _table(("artist", "system", "parameters"), rows)


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A system (or NAME:PRESET), your own by path (./mine.py, ./mine/), or an artist (name, folder, id)."
        ),
    ],
    preset: Annotated[
        str | None, typer.Option(help="Of a system: show the values that this preset sets.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what a system is and how it is set, or how an artist was trained.

    limner show gan-int-cls

    limner show gan-int-cls:avatars

    limner show ./mine.py

    limner show avatars
    """
    import dataclasses

    from limner import catalogue, checkpoint
    from limner.drawing import resolve
    from limner.errors import UserError, plain

    if not Path(name).exists():
        name, named, _ = catalogue.parted(name)
        preset = preset or named or None
    own = catalogue.own_source(name)
    is_own = own is not None and (name.endswith(".py") or own.is_file())  # other folders are artists
    if is_own or name.replace("_", "-") in catalogue.names():
        summary = catalogue.summary(name)
        if preset is not None:
            summary = _with_preset(summary, preset)
        return emit(dataclasses.asdict(summary), True, "") if as_json else _describe(summary, preset)
    if preset is not None:
        raise UserError(f"{name} is no system, so it has no presets: systems are {', '.join(catalogue.names())}")
    if Path(name).name == name and not Path(name).exists() and name not in resolve.bundled():
        known = [*catalogue.names(), *resolve.bundled()]
        raise UserError(f"no system or artist {name!r}: {settings.hint(name, known)}")
    folder = resolve.find(name)
    about = checkpoint.read(folder)
    if as_json:
        emit({"folder": str(folder)} | about, True, "")
        return
    print(plain(f"{name}: a {about['system']} in {folder}, {about['parameters']:,} parameters"))
    print(plain(f"sha256 {about['sha256'].get(checkpoint.WEIGHTS)}"))
    carried = [("enlarger", about["enlarger"])] if isinstance(about.get("enlarger"), dict) else []
    for title, values in (("trained", about["trained"]), ("config", about["config"]), *carried):
        print(f"\n{title}")
        _table(("", ""), [(key, str(value)) for key, value in values.items()])


def new(
    name: Annotated[str, typer.Argument(help="What the system is to be called, for example my-gan.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the two files.")] = Path("."),
    as_json: Json = False,
) -> None:
    """Write a system to begin with, and its test: two files that work as they are.

    limner new my-gan

    limner train ./my_gan.py --data FOLDER --run runs/my-gan
    """
    import re

    from limner.errors import UserError
    from limner.files import make_folder, write_file

    module = name.replace("-", "_").lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module):
        raise UserError(f"{name!r} cannot be a system's name: letters, digits and hyphens, a letter first")
    words = {"NAME": name, "MODULE": module, "CLASS": "".join(word.title() for word in module.split("_"))}
    templates = {out / f"{module}.py": "system.txt", out / f"test_{module}.py": "test.txt"}
    for path in templates:
        if path.exists():
            raise UserError(f"{path} exists: choose another name, or another folder with -o")
    make_folder(out)
    for path, template in templates.items():
        text = (HERE / template).read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        write_file(path, text.encode())
        emit({"file": str(path)}, as_json, str(path))


def _brief(about: dict[str, Any]) -> dict[str, Any]:
    return {key: about.get(key) for key in ("system", "parameters", "bytes", "trained")}


def _row(one: Brief) -> tuple[str, str, str, str]:
    return one.name, str(one.year or ""), one.title, ", ".join(one.presets)


def _with_preset(one: Summary, preset: str) -> Summary:
    """Return a system with the values of a preset in the place of defaults.

    Raises:
        UserError: it has none of this name.
    """
    from dataclasses import replace

    from limner.errors import UserError

    if preset not in one.presets:
        raise UserError(f"unknown preset {preset!r} of {one.name}: {settings.hint(preset, one.presets)}")
    sets = one.presets[preset]
    config = tuple(replace(field, default=sets.get(field.name, field.default)) for field in one.config)
    return replace(one, config=config, presets={preset: sets})


def _describe(one: Summary, preset: str | None) -> None:
    published = f"{one.title} ({one.authors}, {one.venue} {one.year})"
    print(f"{one.name}: {published}", one.about, sep="\n\n")
    print(f"\ntakes {one.takes}, gives {', '.join(one.gives)}\n")
    presets = [_preset(name, changes, name == one.default_preset) for name, changes in one.presets.items()]
    _table(("preset", "what it sets"), presets)
    for title, fields in (("option (--set)", one.config), ("knob (--knob)", one.knobs)):
        if fields:
            print()
            shown = preset if preset and title.startswith("option") else "default"
            _table((title, "type", shown, ""), [_line(field) for field in fields])


def _line(field: Field) -> tuple[str, str, str, str]:
    default = "" if field.required else settings.written(field.default)
    return field.name, field.kind, default, field.about


def _preset(name: str, changes: Mapping[str, Any], default: bool) -> tuple[str, str]:
    sets = ", ".join(f"{setting}={settings.written(value)}" for setting, value in changes.items())
    return f"{name} (default)" if default else name, sets or "the defaults"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; text is data, never markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from limner.errors import plain

    table = Table(*heads, box=box.SIMPLE_HEAD if any(heads) else None, show_header=any(heads), pad_edge=False)
    for row in rows:
        table.add_row(*(Text(plain(cell), overflow="fold") for cell in row))
    Console().print(table)
