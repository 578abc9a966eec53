"""A story in pictures: drawn, drawn again with other lines, and laid out as a strip, a film or a page to read."""

from __future__ import annotations

import base64
import collections
import dataclasses
import html
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps

from limner.data.schema import words_of
from limner.drawing import notebook, recipe
from limner.drawing.drafts import readable_size
from limner.errors import Remark, UnknownWords, UserError
from limner.files import make_folder, write_file
from limner.imaging.sheets import enlarged, film, sheet, to_pil
from limner.requests import Story, from_json

if TYPE_CHECKING:
    from limner.drawing.artist import Artist

COLUMNS = 4
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Limner">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.15rem/1.5 Georgia, "Times New Roman", serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }}
main {{ display: grid; gap: 2rem; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); }}
figure {{ break-inside: avoid; margin: 0; }}
img {{ border-radius: .5rem; display: block; height: auto; width: 100%; }}
figcaption {{ padding-top: .5rem; }}
footer {{ font-size: .8rem; margin-top: 3rem; opacity: .7; }}
</style>
</head>
<body>
<main>
{figures}
</main>
<footer>Drawn by {artist} with Limner, seed {seed}.</footer>
</body>
</html>
"""


@dataclass(frozen=True)
class Strip:
    """A story and its pictures.

    Letters: T lines, S the side of a picture, `size` of the artist.
    """

    frames: tuple[Image.Image, ...]
    """T pictures of S x S pixels."""
    request: Story
    recipe: Mapping[str, Any]
    """The recipe: who drew it, from which request, with which seed and knobs."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the T lines."""
        return self.request.lines

    def _repr_png_(self) -> bytes:
        return notebook.png(self.image())

    def _repr_html_(self) -> str:
        return notebook.figures(self.frames, self.lines)

    def image(self, *, captions: bool = True, columns: int = COLUMNS) -> Image.Image:
        """Lay the pictures side by side, `columns` in a row, each with its line below; the recipe is in `info`."""
        frames = [self._readable(frame) for frame in self.frames] if captions else list(self.frames)
        page = sheet(frames, min(columns, len(frames)), self.lines if captions else None)
        recipe.sign(page, self.recipe)
        return page

    def gif(self, path: str | Path, milliseconds: int = 1800) -> Path:
        """Save the pictures one after another, each with its line, as an endless GIF; the whole file or none.

        Raises:
            UserError: where it cannot be written.
        """
        pages = [
            sheet([self._readable(frame)], captions=[line]) for frame, line in zip(self.frames, self.lines, strict=True)
        ]
        size = pages[0].width, max(page.height for page in pages)
        padded = [ImageOps.pad(page, size, color="white", centering=(0, 0)) for page in pages]
        return film(padded, path, milliseconds, back=False)

    def html(self, path: str | Path) -> Path:
        """Save one page to read, pictures and all: it needs no other file, no network and no script.

        Raises:
            UserError: where it cannot be written.
        """
        figures = "\n".join(map(_figure, self.frames, self.lines))
        title, artist = html.escape(self.lines[0]), html.escape(str(self.recipe["artist"]))
        page = _PAGE.format(title=title, figures=figures, artist=artist, seed=self.recipe["seed"])
        path = Path(path)
        make_folder(path.parent)
        write_file(path, page.encode())
        return path

    def _readable(self, frame: Image.Image) -> Image.Image:
        return enlarged(frame, readable_size(frame)[0] // frame.width)


def tell(
    artist: Artist,
    story: str | Sequence[str] | Story,
    seed: int,
    knobs: Mapping[str, Any] | None = None,
    known: Sequence[Image.Image] = (),
) -> Strip:
    """Draw a story; the first pictures may be `known` already, and are not painted again where the system can do so.

    Raises:
        UserError: for a story without lines or with too many, an artist that tells none, and as `Artist.draw`.
    """
    request = _request(artist, story)
    settings = dict(knobs or {})
    later = {"first": len(known) + 1} if known and hasattr(artist.system.Knobs(), "first") else {}
    if len(known) < len(request.lines):
        _warn(artist, request)
        (last,) = collections.deque(artist.drafts(request, 1, seed, knobs=settings | later), maxlen=1)
        assert last.images is not None, f"{artist.name} tells a story without pictures"
        frames = (*known, *map(artist.enlarged, to_pil(last.images[0])[len(known) :]))
    else:
        frames = tuple(known[: len(request.lines)])
    return Strip(frames, request, artist.recipe(request, seed, artist.knobs(settings)))


def retell(artist: Artist, strip: Strip, lines: str | Sequence[str]) -> Strip:
    """Tell a story again with other lines: what belongs to it as a whole stays, and frames before the change with it.

    Lines that were added after the first telling have no setting to keep: where one of them changes, all of them are
    painted again.

    Raises:
        UserError: as `tell`, and where the strip is by another artist.
    """
    if strip.recipe["checkpoint"] != artist.sha256:
        raise UserError(f"the story was told by {strip.recipe['artist']}, and {artist.name} has other weights")
    setting = strip.request.setting or strip.lines
    request = dataclasses.replace(_request(artist, lines), setting=setting)
    pairs = zip(strip.lines, request.lines, strict=False)
    same = next(
        (place for place, (old, new) in enumerate(pairs) if old != new), min(len(strip.lines), len(request.lines))
    )
    known, artist = strip.frames[: min(same, len(setting))], artist.as_in(strip.recipe)
    return tell(artist, request, strip.recipe["seed"], strip.recipe["knobs"], known)


def story_of(recipe: Mapping[str, Any]) -> Story:
    """Return the story of a recipe.

    Raises:
        UserError: it is the recipe of something else.
    """
    request = from_json(recipe["request"])
    if not isinstance(request, Story) or not isinstance(recipe["seed"], int):
        raise UserError(f"the recipe is not that of a story, but of a {type(request).__name__}")
    return request


def changed(lines: Sequence[str], number: int, text: str) -> tuple[str, ...]:
    """Return the lines with line `number`, from 1, put otherwise.

    Raises:
        UserError: there is no such line.
    """
    if not 1 <= number <= len(lines):
        raise UserError(f"there is no line {number}: the story has {len(lines)}")
    return (*lines[: number - 1], text, *lines[number:])


def _request(artist: Artist, story: str | Sequence[str] | Story) -> Story:
    if not any(kind.several for kind in artist.system.kinds):
        raise UserError(
            f"{artist.name} tells no stories, it draws from a {artist.takes}: `limner list` says which artists do"
        )
    if isinstance(story, str):
        story = story.splitlines()
    request = story if isinstance(story, Story) else Story(tuple(line.strip() for line in story if line.strip()))
    artist.requests(request)
    return request


def _warn(artist: Artist, request: Story) -> None:
    """Warn of lines of which not a word is known, and of what else cannot be drawn as asked."""
    for remark in artist.system.remarks([request]):
        warnings.warn(remark, Remark, stacklevel=4)
    for number, line in enumerate(request.lines, start=1):
        words, unknown = set(words_of(line)), artist.system.unknown_words([Story((line,))])
        if all(word in unknown and unknown[word] is None for word in words):
            text = f"line {number}, {line[:40]!r}, names nothing that {artist.name} knows"
            warnings.warn(text, UnknownWords, stacklevel=4)


def _figure(frame: Image.Image, line: str) -> str:
    buffer = io.BytesIO()
    frame.save(buffer, "PNG")
    data, text = base64.b64encode(buffer.getvalue()).decode(), html.escape(line)
    return f'<figure><img src="data:image/png;base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>'
