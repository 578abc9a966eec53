"""The command line. Each command imports what it needs when it runs, so `limner --help` needs no torch."""

from __future__ import annotations

import errno
import io
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from limner.cli import (
    bench,
    console,
    data,
    draw,
    enlarge,
    export,
    judge,
    layout,
    look,
    morph,
    push,
    story,
    studio,
    systems,
    train,
)
from limner.cli.commands import Command, Group, explained
from limner.cli.console import leads, leave
from limner.errors import UserError, is_out_of_memory, plain

app = typer.Typer(
    name="limner",
    cls=Group,
    help="Limner draws what you write.",
    epilog="Begin with: limner draw 'a smiling woman with curly red hair and round glasses'",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        import limner

        print(f"limner {limner.__version__}")
        raise typer.Exit


@app.callback()
def _limner(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Limner draws what you write."""
    if context.invoked_subcommand is None:
        print(context.get_help())


DRAW, TRAIN, MEASURE, SHARE = "Draw", "Train", "Data and measuring", "Share"
for name, command, panel in (
    ("draw", draw.draw, DRAW),
    ("story", story.story, DRAW),
    ("morph", morph.morph, DRAW),
    ("walk", morph.walk, DRAW),
    ("reword", look.reword, DRAW),
    ("caption", look.caption, DRAW),
    ("attributes", look.attributes, DRAW),
    ("list", systems.list_all, TRAIN),
    ("show", systems.show, TRAIN),
    ("train", train.train, TRAIN),
    ("resume", train.resume, TRAIN),
    ("enlarge", enlarge.enlarge, TRAIN),
    ("new", systems.new, TRAIN),
    ("eval", judge.evaluate, MEASURE),
    ("bench", bench.bench, MEASURE),
    ("judge", judge.judge, MEASURE),
    ("push", push.push, SHARE),
    ("studio", studio.studio, SHARE),
    ("export", export.export, SHARE),
):
    app.command(name, cls=Command, rich_help_panel=panel)(command)
app.add_typer(layout.app, name="layout", cls=Group, rich_help_panel=DRAW)
app.add_typer(data.app, name="data", cls=Group, rich_help_panel=MEASURE)

EXTRAS = {
    "export": ("onnx", "onnxruntime", "onnxscript"),
    "studio": ("alembic", "fastapi", "prometheus_client", "sqlalchemy", "uvicorn"),
    "train": ("accelerate", "datasets", "pyarrow", "tensorboard", "torchmetrics"),
    "worlds": ("mitsuba", "python_avatars", "resvg_py"),
}
"""Packages that a command may miss, by the extra that brings them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, 1 for findings, 2 for what can be put right, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a prompt may hold what the terminal's encoding cannot say
            stream.reconfigure(errors="backslashreplace")
    with console.at_volume():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="limner", standalone_mode=False)
    except UserError as error:
        return _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)
    except ModuleNotFoundError as error:
        extra = next((extra for extra, packages in EXTRAS.items() if error.name in packages), None)
        if extra is None:
            raise
        return _fail(f"this needs the package {error.name}: pip install 'limner[{extra}]'")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _fail(f"the disk is full: make room and try again ({error.filename or error.strerror})")
    except Exception as error:
        if is_out_of_memory(error):
            return _fail(
                "there is not enough memory: use a smaller batch (`--batch`, or `--set batch=...` in training)"
            )
        if not hasattr(error, "format_message"):  # Typer's way to say that the command was not understood
            raise
        return _fail(explained(error), getattr(error, "exit_code", 2))
    return code if isinstance(code, int) else 0


def program() -> None:
    """Run the command line as the program `limner`, which has its process, and so its memory, to itself."""
    if sys.argv[1:2] in (["train"], ["resume"]):
        from limner.training.allocator import keep_freed_memory

        keep_freed_memory()
    leave(main())


def _fail(message: str, code: int = 2) -> int:
    if console.volume() == console.VERBOSE:
        traceback.print_exc()
    if not leads():  # many processes fail with one fault, and the first tells it
        return code
    print("limner: error:", plain(" ".join(message.split())), file=sys.stderr)
    return code
