"""`limner studio`: a page to draw on, an HTTP API and a gallery, for one person or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import Device
from limner.cli.draw import DEFAULT

if TYPE_CHECKING:
    from limner.studio.gallery.gallery import Gallery


def studio(
    artists: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARTIST]...",
            help="Who draws; the first where a request names none. [default: all that ship]",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; other machines than this one need a --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="LIMNER_TOKEN", help="What a request must bear.", show_default=False)
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            help="The gallery: a file, a URL, or libpq's words for a PostgreSQL; a file of yours without it.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Pictures drawn in one pass, for many people at once.")] = 4,
    queue: Annotated[int, typer.Option(help="Pictures that may wait for an artist.")] = 256,
    threads: Annotated[int, typer.Option(help="Cores that an artist draws with; 0 takes all.")] = 1,
    rate: Annotated[
        float | None,
        typer.Option(help="Requests a minute and client; 0 for no limit. [default: 0 on this machine, else 600]"),
    ] = None,
    device: Device = "auto",
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Open the studio: a page that draws while you type, a gallery, and an API to draw by from any program.

    limner studio --open

    limner studio avatars clevr-stories faces --port 9000

    LIMNER_TOKEN=$(openssl rand -hex 24) limner studio runs/mine --host 0.0.0.0

    Programs speak to it as to the OpenAI images API, with http://127.0.0.1:8000/v1 as the base URL. Ctrl-C ends it;
    favourites stay. `limner export ARTIST --web FOLDER` makes a page that needs no server.
    """
    import contextlib
    import webbrowser

    import torch

    from limner.cli.console import note
    from limner.drawing.artist import load
    from limner.drawing.resolve import bundled
    from limner.studio import server
    from limner.studio.limits import LOCAL, Limits

    limits = Limits(rate=rate if rate is not None else 0.0 if host in LOCAL else server.PUBLIC_RATE)
    settings = server.Settings(host, port, token, batch, queue, threads or None, limits)
    if threads:
        torch.set_num_threads(threads)
    listening = server.listen(settings)
    with listening:
        chosen = artists or [DEFAULT, *(name for name in bundled() if name != DEFAULT)]
        loaded = [load(name, device=device) for name in chosen]
        with contextlib.closing(_open_gallery(database)) as opened:
            app = server.build(loaded, settings, opened)
            address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
            note(f"{address} draws with {', '.join(artist.name for artist in loaded)}")
            if show:
                webbrowser.open(address)
            server.server(app).run(sockets=[listening])


def _open_gallery(database: str | None) -> Gallery:
    """Open the gallery on a server or in a file, by default the person's own."""
    from limner.studio.gallery.database import default_location
    from limner.studio.gallery.gallery import Gallery

    return Gallery(default_location() if database is None else database)
