"""What every command understands beside its own options: -q and -v; and errors that name the help that tells more."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from limner.cli import console

_PANEL = "Every command"


def _quiet(given: bool) -> None:
    if given:
        console.set_volume(console.QUIET)


def _verbose(given: bool) -> None:
    if given:
        console.set_volume(console.VERBOSE)


def _volume(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", help="Say nothing but results and errors.", callback=_quiet, expose_value=False,
            rich_help_panel=_PANEL,
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Say more: remarks of libraries, where an error arose, time and memory.",
            callback=_verbose, expose_value=False, rich_help_panel=_PANEL,
        ),
    ] = False,
) -> None:  # fmt: skip
    """Say less or more: only its options are taken, into every command."""


def _options() -> list[Any]:
    only = typer.Typer(add_completion=False)
    only.command()(_volume)
    return list(typer.main.get_command(only).params)


VOLUME = _options()


class Command(TyperCommand):
    """A command that can be quiet or verbose."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its own options and arguments, and those of every command."""
        return [*super().get_params(ctx), *VOLUME]


class Group(TyperGroup):
    """Commands that can be quiet or verbose where -q or -v stands before the command, too."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its own options, and those of every command."""
        return [*super().get_params(ctx), *VOLUME]


def explained(error: Any) -> str:
    """Return what Typer says of a command that was not understood, the quotes that lack, and its own help."""
    said, context = error.format_message(), getattr(error, "ctx", None)
    path = context.command_path if context is not None else "limner"
    if "unexpected extra argument" in said:
        said += "; put quotes around what has blanks in it, such as a sentence"
    return f"{said} ({path} --help tells more)"
