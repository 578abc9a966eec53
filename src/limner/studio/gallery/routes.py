"""The gallery over HTTP. Ids and words are all that a request can name: no path of one reaches the file system."""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from PIL import Image, ImageChops
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from limner.errors import UserError
from limner.studio.gallery import files
from limner.studio.gallery.database import Conflict, Missing, Unavailable
from limner.studio.gallery.gallery import LONGEST_PAGE, MOST_AT_ONCE, Gallery, Shelf
from limner.studio.gallery.recipe import MOST_BYTES, Identity, Note, decode, encode, plain
from limner.studio.gallery.tables import Picture

PREFIX = "/v1/gallery"
IN_MEMORY = 8 * 2**20
"""Bytes of a zip that is sent or received; more of it goes to a temporary file without a name."""
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
Redraw = Callable[[Mapping[str, Any]], Image.Image]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Added(_Body):
    """A picture to put in."""

    png: Annotated[str, Field(max_length=MOST_BYTES * 4 // 3 + 4)]
    """In base64, its recipe inside, as the studio's `b64_json` gives it."""
    keep: bool = False
    parents: Annotated[list[Identity], Field(max_length=16)] | None = None
    note: Note = ""


class Changed(_Body):
    """What to change of a picture."""

    keep: bool | None = None
    note: Note | None = None


class Some(_Body):
    """Pictures by their ids."""

    ids: Annotated[list[Identity], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Deletion(_Body):
    """What takes back a deletion."""

    undo: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Deleted(Deletion):
    """What was deleted, and what takes it back."""

    deleted: int


class Shown(BaseModel):
    """A picture as the gallery tells of it; times are ISO 8601, UTC."""

    id: str
    url: str
    recipe: dict[str, Any]
    parents: list[str]
    note: str
    width: int
    height: int
    drawn: str
    kept: str | None
    deleted: str | None

    @classmethod
    def of(cls, picture: Picture) -> Shown:
        """Tell of a picture."""
        return cls(
            id=picture.id,
            url=f"{PREFIX}/pictures/{picture.id}.png",
            recipe=picture.recipe,
            parents=picture.parents,
            note=picture.note,
            width=picture.width,
            height=picture.height,
            drawn=_moment(picture.drawn_at) or "",
            kept=_moment(picture.kept_at),
            deleted=_moment(picture.deleted_at),
        )


class Listed(BaseModel):
    """A page of pictures, newest first; `next` is the `after` of the page that follows."""

    data: list[Shown]
    next: str | None
    total: int


class Imported(BaseModel):
    """What an import did."""

    pictures: int
    added: int


Id = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@contextmanager
def answering() -> Iterator[None]:
    """Turn what a person can put right into an answer that says so, in one line."""
    try:
        yield
    except Unavailable as error:
        raise HTTPException(503, _line(error), {"Retry-After": "5"}) from None
    except UserError as error:
        status = 404 if isinstance(error, Missing) else 409 if isinstance(error, Conflict) else 400
        raise HTTPException(status, _line(error)) from None


def _line(error: UserError) -> str:
    """Return a message as a line that can be sent: it may quote what a stranger wrote."""
    return " ".join(str(error).split()).encode("utf-8", "replace").decode()


def from_base64(text: str) -> bytes:
    """Decode a PNG out of a body.

    Raises:
        UserError: where it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("the picture is no base64") from None


def sends(media: str) -> dict[int | str, dict[str, Any]]:
    """Declare, for the description of the API, that a route answers with bytes of this kind."""
    return {200: {"content": {media: {"schema": {"type": "string", "format": "binary"}}}}}


def router(gallery: Gallery, redraw: Redraw | None = None) -> APIRouter:
    """Make the routes of a gallery.

    Args:
        gallery: which.
        redraw: draws the picture of a recipe, as `Artist.redraw` does; without it nothing is drawn again.
    """
    routes = APIRouter(prefix=PREFIX, tags=["gallery"])

    @routes.get("/pictures")
    def page(
        shelf: Shelf = "kept",
        q: Annotated[str, Query(max_length=500)] = "",
        artist: Annotated[str, Query(max_length=200), AfterValidator(plain)] = "",
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
        after: Annotated[str | None, Query(pattern="^[0-9]{1,18}-[0-9a-f]{64}$")] = None,
    ) -> Listed:
        """List favourites (kept), history (drawn) or the bin (deleted); `q` looks for words and their beginnings."""
        with answering():
            found = gallery.page(shelf, search=q, artist=artist, limit=limit, after=after)
        return Listed(data=[Shown.of(one) for one in found.pictures], next=found.next, total=found.total)

    @routes.post("/pictures", status_code=201)
    def add(body: Added) -> Shown:
        """Put a picture in, or its heart and note on the one that is there: asking twice doubles nothing."""
        with answering():
            png = from_base64(body.png)
            return Shown.of(gallery.add(png, keep=body.keep, parents=body.parents, note=body.note))

    @routes.get("/pictures/{picture}.png", response_class=Response, responses=sends("image/png"))
    def png(picture: Id) -> Response:
        """Return the picture as PNG, its recipe inside."""
        with answering():
            return Response(gallery.png(picture), media_type="image/png", headers=FOREVER)

    @routes.get("/pictures/{picture}")
    def one(picture: Id) -> Shown:
        """Tell of one picture."""
        with answering():
            return Shown.of(gallery.get(picture))

    _changes(routes, gallery)
    _files(routes, gallery)
    if redraw is not None:
        _again(routes, gallery, redraw)
    return routes


def _changes(routes: APIRouter, gallery: Gallery) -> None:
    @routes.patch("/pictures/{picture}")
    def change(picture: Id, body: Changed) -> Shown:
        """Set or take the heart; write the note."""
        with answering():
            return Shown.of(gallery.change(picture, keep=body.keep, note=body.note))

    @routes.delete("/pictures/{picture}")
    def delete(picture: Id) -> Deleted:
        """Put a picture in the bin; `undo` of the answer brings it back."""
        with answering():
            gallery.get(picture)
            return _deleted(gallery, [picture])

    @routes.post("/delete")
    def delete_some(body: Some) -> Deleted:
        """Put pictures in the bin; `undo` of the answer brings all of them back."""
        with answering():
            return _deleted(gallery, body.ids)

    @routes.post("/undo")
    def undo(body: Deletion) -> dict[str, int]:
        """Take a deletion back; 404 where there is nothing left to bring back."""
        with answering():
            if restored := gallery.undo(body.undo):
                return {"restored": restored}
            raise Missing("there is nothing to take back: it was done already, or the bin was emptied")


def _files(routes: APIRouter, gallery: Gallery) -> None:
    @routes.get("/export", response_class=StreamingResponse, responses=sends("application/zip"))
    def export(shelf: Shelf = "kept") -> StreamingResponse:
        """Return a shelf as a zip: pictures with their recipes inside, and gallery.jsonl."""
        file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (closed when it is sent)
        try:
            with answering():
                files.write(gallery, file, shelf)
            headers = {"Content-Disposition": 'attachment; filename="gallery.zip"', "Content-Length": str(file.tell())}
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return StreamingResponse(_sent(file), media_type="application/zip", headers=headers)

    body = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}, "required": True}

    @routes.post("/import", openapi_extra={"requestBody": body})
    async def take(request: Request) -> Imported:
        """Merge an exported zip, which is the body of the request, into the gallery."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > files.MOST_BYTES_OF_ALL:
                    raise HTTPException(413, f"the zip has more than {files.MOST_BYTES_OF_ALL:,} bytes")
                await run_in_threadpool(file.write, chunk)
            with answering():
                pictures, added = await run_in_threadpool(files.read, gallery, file)
        return Imported(pictures=pictures, added=added)


def _again(routes: APIRouter, gallery: Gallery, redraw: Redraw) -> None:
    @routes.post("/pictures/{picture}/again", response_class=Response, responses=sends("image/png"))
    def again(picture: Id) -> Response:
        """Draw a picture again from its recipe; the header Limner-Difference is 0 where it is the same bit for bit.

        It is the largest difference of a colour, of 255: what was drawn among others may be 1 off, by rounding.
        """
        with answering():
            kept = gallery.get(picture)
            drawn = redraw(kept.recipe)
            difference = _difference(drawn, decode(gallery.png(picture)))
        headers = {"Limner-Difference": str(difference), "X-Content-Type-Options": "nosniff"}
        return Response(encode(drawn, kept.recipe), media_type="image/png", headers=headers)


def _difference(first: Image.Image, second: Image.Image) -> int:
    if (first.size, first.mode) != (second.size, second.mode):
        return 255
    return max(ImageChops.difference(first, second).tobytes())


def _deleted(gallery: Gallery, ids: list[str]) -> Deleted:
    undo, gone = gallery.delete(ids)
    return Deleted(undo=undo, deleted=gone)


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        yield from iter(lambda: file.read(2**16), b"")


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC).isoformat()
