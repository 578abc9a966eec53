"""The gallery over HTTP. Requests name pictures by id or search words only: no path reaches the file system."""

from __future__ import annotations

import base64
import binascii
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from PIL import Image, ImageChops
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from limner.errors import UserError
from limner.studio.gallery import files
from limner.studio.gallery.database import Conflict, Missing, Unavailable
from limner.studio.gallery.gallery import MAX_AT_ONCE, MAX_PAGE, Gallery, Shelf
from limner.studio.gallery.recipe import MOST_BYTES, Identity, Note, decode, encode, plain
from limner.studio.gallery.tables import Picture

PREFIX = "/v1/gallery"
MAX_IN_MEMORY = 8 * 2**20
"""Bytes of a zip that are buffered in memory; a larger one goes to an unnamed temporary file."""
MAX_DECODING = 2
"""Pictures that are decoded at once."""
IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
Redraw = Callable[[Mapping[str, Any]], Image.Image]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddBody(_Body):
    """A picture to add."""

    png: Annotated[str, Field(max_length=MOST_BYTES * 4 // 3 + 4)]
    """In base64, its recipe inside, as the studio's `b64_json` gives it."""
    keep: bool = False
    parents: Annotated[list[Identity], Field(max_length=16)] | None = None
    note: Note = ""


class ChangeBody(_Body):
    """The fields of a picture to change."""

    keep: bool | None = None
    note: Note | None = None


class PicturesBody(_Body):
    """Pictures by their ids."""

    ids: Annotated[list[Identity], Field(min_length=1, max_length=MAX_AT_ONCE)]


class UndoBody(_Body):
    """The id of a deletion, to undo it."""

    undo: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class DeletedResponse(UndoBody):
    """How many pictures were deleted, and the id of the deletion."""

    deleted: int


class PictureResponse(BaseModel):
    """A picture of the gallery; times are ISO 8601, UTC."""

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
    def of(cls, picture: Picture) -> PictureResponse:
        """Convert a row of the table."""
        return cls(
            id=picture.id,
            url=f"{PREFIX}/pictures/{picture.id}.png",
            recipe=picture.recipe,
            parents=picture.parents,
            note=picture.note,
            width=picture.width,
            height=picture.height,
            drawn=_iso_time(picture.drawn_at) or "",
            kept=_iso_time(picture.kept_at),
            deleted=_iso_time(picture.deleted_at),
        )


class PageResponse(BaseModel):
    """A page of pictures, newest first; `next` is the `after` of the page that follows."""

    data: list[PictureResponse]
    next: str | None
    total: int


class ImportResponse(BaseModel):
    """How many pictures a zip held, and how many of them were new."""

    pictures: int
    added: int


Id = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@contextmanager
def http_errors() -> Iterator[None]:
    """Turn errors of the gallery into HTTP errors with a message of one line."""
    try:
        yield
    except Unavailable as error:
        raise HTTPException(503, _one_line(error), {"Retry-After": "5"}) from None
    except UserError as error:
        status = 404 if isinstance(error, Missing) else 409 if isinstance(error, Conflict) else 400
        raise HTTPException(status, _one_line(error)) from None


def _one_line(error: UserError) -> str:
    """Return a message as one line of valid UTF-8: it may quote untrusted text."""
    return " ".join(str(error).split()).encode("utf-8", "replace").decode()


def from_base64(text: str) -> bytes:
    """Decode a PNG in base64.

    Raises:
        UserError: where it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("the picture is not base64") from None


def binary_response(media: str) -> dict[int | str, dict[str, Any]]:
    """Declare, for the OpenAPI document, that a route responds with bytes of this media type."""
    return {200: {"content": {media: {"schema": {"type": "string", "format": "binary"}}}}}


class Turn:
    """What one client does at a time: the next is told to come again."""

    def __init__(self, what: str) -> None:
        self._what, self._taken = what, False

    def __enter__(self) -> None:
        if self._taken:
            raise HTTPException(503, f"{self._what}: try again in a while", {"Retry-After": "5"})
        self._taken = True

    def __exit__(self, *error: object) -> None:
        self._taken = False


class ZipResponse(Response):
    """A shelf as a zip, sent while it is read; whatever ends it, nothing of it stays behind."""

    media_type = "application/zip"

    def __init__(self, pieces: Iterator[bytes], turn: Turn) -> None:
        super().__init__(headers={"Content-Disposition": 'attachment; filename="gallery.zip"'})
        del self.headers["content-length"]
        self._pieces, self._turn = pieces, turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._turn, contextlib.closing(self._pieces):  # type: ignore[type-var]
            await StreamingResponse(self._pieces, headers=self.headers)(scope, receive, send)


def decoder() -> CapacityLimiter:
    """Return what limits how many pictures are decoded at once: a large one takes much memory."""
    return CapacityLimiter(MAX_DECODING)


def router(gallery: Gallery, redraw: Redraw | None = None, decoding: CapacityLimiter | None = None) -> APIRouter:
    """Make the routes of a gallery.

    Args:
        gallery: which.
        redraw: draws the picture of a recipe, as `Artist.redraw` does; without it there is no route that does.
        decoding: limits how many pictures are decoded at once, here and elsewhere; here alone where None.
    """
    decoding = decoder() if decoding is None else decoding
    routes = APIRouter(prefix=PREFIX, tags=["gallery"])

    @routes.get("/pictures")
    def page(
        shelf: Shelf = "kept",
        q: Annotated[str, Query(max_length=500)] = "",
        artist: Annotated[str, Query(max_length=200), AfterValidator(plain)] = "",
        parent: Annotated[str, Query(pattern="^([0-9a-f]{64})?$")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        after: Annotated[str | None, Query(pattern="^[0-9]{1,18}-[0-9a-f]{64}$")] = None,
    ) -> PageResponse:
        """List favourites (kept), history (drawn) or the bin (deleted); `q` searches for words or their beginnings.

        With `parent`, the id of a picture, only those that were made from it.
        """
        with http_errors():
            found = gallery.page(shelf, search=q, artist=artist, parent=parent, limit=limit, after=after)
        return PageResponse(
            data=[PictureResponse.of(one) for one in found.pictures], next=found.next, total=found.total
        )

    @routes.post("/pictures", status_code=201)
    async def add(body: AddBody) -> PictureResponse:
        """Add a picture, or update the heart and note of one that exists: a repeated request makes no duplicate."""

        def work() -> Picture:
            png = from_base64(body.png)
            return gallery.add(png, keep=body.keep, parents=body.parents, note=body.note)

        with http_errors():
            return PictureResponse.of(await to_thread.run_sync(work, limiter=decoding))

    @routes.get("/pictures/{picture}.png", response_class=Response, responses=binary_response("image/png"))
    def png(picture: Id) -> Response:
        """Return the picture as PNG, its recipe inside."""
        with http_errors():
            return Response(gallery.png(picture), media_type="image/png", headers=IMMUTABLE)

    @routes.get("/pictures/{picture}")
    def get(picture: Id) -> PictureResponse:
        """Return the fields of one picture."""
        with http_errors():
            return PictureResponse.of(gallery.get(picture))

    _add_changes(routes, gallery)
    _add_files(routes, gallery)
    if redraw is not None:
        _add_redraw(routes, gallery, redraw, decoding)
    return routes


def _add_changes(routes: APIRouter, gallery: Gallery) -> None:
    @routes.patch("/pictures/{picture}")
    def change(picture: Id, body: ChangeBody) -> PictureResponse:
        """Mark or unmark it as a favourite; set the note."""
        with http_errors():
            return PictureResponse.of(gallery.change(picture, keep=body.keep, note=body.note))

    @routes.delete("/pictures/{picture}")
    def delete(picture: Id) -> DeletedResponse:
        """Put a picture in the bin; `undo` in the response restores it."""
        with http_errors():
            gallery.get(picture)
            return _deleted(gallery, [picture])

    @routes.post("/delete")
    def delete_some(body: PicturesBody) -> DeletedResponse:
        """Put pictures in the bin; `undo` in the response restores all of them."""
        with http_errors():
            return _deleted(gallery, body.ids)

    @routes.post("/undo")
    def undo(body: UndoBody) -> dict[str, int]:
        """Undo a deletion; 404 where there is nothing left to restore."""
        with http_errors():
            if restored := gallery.undo(body.undo):
                return {"restored": restored}
            raise Missing("there is nothing to restore: it was restored already, or the bin was emptied")


def _add_files(routes: APIRouter, gallery: Gallery) -> None:
    exporting, importing = Turn("another zip is being exported"), Turn("another zip is being imported")

    @routes.get("/export", response_class=Response, responses=binary_response("application/zip"))
    def export(shelf: Shelf = "kept") -> Response:
        """Return a shelf as a zip: pictures with their recipes inside, and gallery.jsonl."""
        with http_errors():
            files.check_number(gallery, shelf)
        return ZipResponse(files.stream(gallery, shelf), exporting)

    body = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}, "required": True}

    @routes.post("/import", openapi_extra={"requestBody": body})
    async def import_zip(request: Request) -> ImportResponse:
        """Merge an exported zip, which is the body of the request, into the gallery."""
        with importing, tempfile.SpooledTemporaryFile(MAX_IN_MEMORY) as file:
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > files.MAX_ZIP_BYTES:
                    raise HTTPException(413, f"the zip has more than {files.MAX_ZIP_BYTES:,} bytes")
                try:
                    await run_in_threadpool(file.write, chunk)
                except OSError as error:
                    text = f"there is no room for the zip where temporary files go ({error.strerror}): see TMPDIR"
                    raise HTTPException(507, text, {"Connection": "close"}) from None
            with http_errors():
                pictures, added = await run_in_threadpool(files.read, gallery, file)
        return ImportResponse(pictures=pictures, added=added)


def _add_redraw(routes: APIRouter, gallery: Gallery, redraw: Redraw, decoding: CapacityLimiter) -> None:
    @routes.post("/pictures/{picture}/again", response_class=Response, responses=binary_response("image/png"))
    async def again(picture: Id) -> Response:
        """Draw a picture again from its recipe; the header Limner-Difference is 0 where it is bitwise the same.

        It is the largest difference of a channel, of 255: a picture from a larger batch may differ by 1, by rounding.
        """

        def draw() -> tuple[Image.Image, Picture]:
            stored = gallery.get(picture)
            return redraw(stored.recipe), stored

        def compare(drawn: Image.Image, stored: Picture) -> tuple[int, bytes]:
            return _difference(drawn, decode(gallery.png(picture))), encode(drawn, stored.recipe)

        with http_errors():
            drawn, stored = await run_in_threadpool(draw)
            difference, png = await to_thread.run_sync(compare, drawn, stored, limiter=decoding)
        headers = {"Limner-Difference": str(difference), "X-Content-Type-Options": "nosniff"}
        return Response(png, media_type="image/png", headers=headers)


def _difference(first: Image.Image, second: Image.Image) -> int:
    if (first.size, first.mode) != (second.size, second.mode):
        return 255
    return max(ImageChops.difference(first, second).tobytes())


def _deleted(gallery: Gallery, ids: list[str]) -> DeletedResponse:
    undo, count = gallery.delete(ids)
    return DeletedResponse(undo=undo, deleted=count)


def _iso_time(time: int | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time / 1e6, UTC).isoformat()
