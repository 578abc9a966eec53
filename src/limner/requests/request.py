"""What all requests have in common: what a kind of request says of itself, and what it leaves to the kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from limner.errors import UserError
from limner.requests.fields import ENCODED, KEY, Field, check, fields_of

if TYPE_CHECKING:
    from limner.data.schema import Schema
    from limner.requests.picture import Picture


class Answered(Protocol):
    """What requests ask of a data set whose rows answer them; `limner.data.dataset.Dataset` is one."""

    @property
    def schema(self) -> Schema:
        """Return what the data set holds."""

    def first_rows(self, count: int, column: str, needed_by: str, split: str = "train") -> list[int]:
        """Return the first rows of a split, over again where there are fewer; raise where it has no such column."""

    def pictures(self, rows: Sequence[int], split: str = "train") -> Any:
        """Return pictures as bytes: uint8 (B, 3, S, S)."""

    def captions(self, row: int, split: str = "train") -> tuple[str, ...]:
        """Return all captions of one row."""

    def named_attributes(self, row: int, split: str = "train") -> dict[str, str]:
        """Return the attributes of one row that are known, by name."""

    def named_label(self, row: int, split: str = "train") -> str | None:
        """Return the label of one row, None where it has none."""

    def boxes(self, row: int, split: str = "train") -> list[tuple[str, float, float, float, float]]:
        """Return the labelled boxes of one row, in shares of its picture."""

    def named_points(self, row: int, split: str = "train") -> list[tuple[str, float, float]]:
        """Return the key points of one row that can be seen, in shares of its picture; none where there are none."""

    def column(self, name: str, rows: Sequence[int], split: str = "train") -> list[Any]:
        """Return the cells of any column as plain values."""

    def embeddings(self, rows: Sequence[int], split: str = "train") -> list[Any]:
        """Return the sentence vectors that came with the captions of rows: (K, D) of each."""

    def stories(self, split: str = "train") -> Any:
        """Return the rows of each story, in the order of frames: (N, T)."""


@dataclass(frozen=True)
class Request:
    """Base of all requests.

    A kind of request is a frozen dataclass whose fields say with `limner.requests.fields.form` what they hold, and
    one file: defining the class is all it takes to be drawn from by Python, the command line, the API and the page.
    """

    noun: ClassVar[str] = ""
    """What one draws from, in words: a sentence."""
    asks: ClassVar[bool] = True
    """Whether it says anything; where it does not, drawing takes no prompt."""
    mixes: ClassVar[bool] = False
    """Whether something lies between two of its kind."""
    several: ClassVar[bool] = False
    """Whether it is a story: a picture for each of its captions."""
    holds: ClassVar[bool] = False
    """Whether another request may be asked within it, beside its picture."""
    either: ClassVar[tuple[str, ...]] = ()
    """Names of fields of which one at least may not be empty."""
    column: ClassVar[str] = ""
    """The column of a data set that such requests are made of."""

    @classmethod
    def kind(cls) -> str:
        """Return the name of this kind in JSON."""
        return cls.__name__.lower()

    @classmethod
    def fields(cls, schema: Schema | None = None) -> tuple[Field, ...]:
        """Return its fields, with the choices that an artist of this schema knows."""
        return fields_of(cls, schema)

    @classmethod
    def describe(cls, schema: Schema | None = None) -> dict[str, Any]:
        """Return what a form needs to know of this kind, as plain JSON values; `Blend`s have no form."""
        about = {"kind": cls.kind(), "noun": cls.noun or cls.kind(), "asks": cls.asks, "mixes": cls.mixes}
        about |= {"several": cls.several, "either": list(cls.either)}
        return about | {"fields": [field.to_json() for field in cls.fields(schema)]}

    @classmethod
    def parse(cls, text: str, schema: Schema) -> Self:
        """Return what a plain string means.

        Raises:
            UserError: it means nothing here; saying how it is written.
        """
        raise UserError(f"{cls.noun or cls.kind()} cannot be written as text: give it as a request")

    @classmethod
    def recognises(cls, text: str) -> bool:
        """Tell whether a text bears the marks of this kind, for artists that take several."""
        return False

    @classmethod
    def from_cell(cls, cell: Any, schema: Schema, text: str = "") -> Self:
        """Return what a cell of its column in a file of prompts means, beside its `text`; a cell of text is parsed.

        Raises:
            UserError: as `parse`; or it is no text, nor what else such a cell may hold.
        """
        if not isinstance(cell, str):
            raise UserError(f"the column {cls.column} holds {cell!r:.60}, which is not {cls.noun or cls.kind()}")
        return cls.parse(cell, schema)

    @classmethod
    def of(cls, picture: Any, known: Any = None, asked: Request | None = None) -> Self:
        """Return the request to begin from a picture, a file or an image; for kinds that hold one.

        Raises:
            UserError: it is no picture.
        """
        raise UserError(f"{cls.noun or cls.kind()} holds no picture")

    @classmethod
    def held_out(cls, data: Answered, split: str, count: int) -> Sequence[Request]:
        """Return `count` requests that the first rows of a split answer, over again where there are fewer.

        Raises:
            UserError: the data has not got what such requests are made of.
        """
        raise UserError(f"this data cannot be asked for requests of kind {cls.__name__}")

    @classmethod
    def trials(cls, schema: Schema, examples: Sequence[str]) -> Sequence[Self]:
        """Return three requests to compare drawings by; of texts the last has words that nobody knows."""
        texts = (*examples[:2], "zzz, %: a rde Ünknown " + examples[-1])
        return [cls.parse(text, schema) for text in texts]

    def check(self, schema: Schema) -> None:
        """Make sure that an artist of this schema can draw it.

        Raises:
            UserError: in one line that says what is wrong, with the nearest of what is known.
        """
        for field in self.fields(schema):
            check(field, getattr(self, field.name))

    def captions(self) -> tuple[str, ...]:
        """Return a sentence for each picture it asks for; none where it is asked for otherwise."""
        return ()

    def named(self) -> Mapping[str, str]:
        """Return the values of attributes that it names as such; none where it is asked for otherwise."""
        return {}

    def sentence(self) -> str:
        """Return its one sentence, of whose words attention and re-wording speak; empty where there is not just one."""
        captions = self.captions()
        return captions[0] if len(captions) == 1 and not self.several else ""

    def with_most(self, most: int) -> Request:
        """Return it with the largest of its boxes alone, or the first of its labels, at most so many; itself where it
        has fewer, or none.
        """
        return self

    def pictures(self) -> int:
        """Return how many pictures it asks for."""
        return len(self.captions()) if self.several else 1

    def ends(self) -> tuple[Request, ...]:
        """Return the plain requests that it lies between: itself."""
        return (self,)

    def picture(self) -> Picture | None:
        """Return the picture it begins from, if there is one."""
        return None

    def without_picture(self) -> Request:
        """Return what it asks beside its picture: itself where it has none."""
        return self

    def inside(self) -> tuple[Request, ...]:
        """Return the requests it holds, each of which an artist has to take, too."""
        return ()

    def beside(self, asked: Request) -> Request:
        """Return it with another request asked beside it; itself where it holds none."""
        return self

    def read_at(self, side: int) -> Request:
        """Return it as a system is given it that reads pictures of `side` pixels; itself where it has no picture.

        Raises:
            UserError: a picture in it cannot be used.
        """
        return self

    def mixes_with(self, other: Request) -> bool:
        """Tell whether something lies between this and another plain request."""
        return self.mixes and type(self) is type(other)

    def is_encoded(self) -> bool:
        """Tell whether it holds encoded pictures, so that checking it takes time."""
        named = (field.name for field in self.fields() if field.type in ENCODED)
        return any(getattr(self, name) for name in named) or any(one.is_encoded() for one in self.inside())

    def texts(self) -> Iterator[str]:
        """Yield every text in it, however deep, but for encoded pictures, and empty ones that need not be there."""
        for field in dataclasses.fields(self):
            if KEY in field.metadata and field.metadata[KEY][0].type in ENCODED:
                continue
            value = getattr(self, field.name)
            if value != "" or field.default is dataclasses.MISSING:
                yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for item in value.items() for text in _texts(item))
    elif isinstance(value, Sequence):
        yield from (text for item in value for text in _texts(item))
    elif hasattr(value, "texts"):
        yield from value.texts()


def kinds() -> dict[str, type[Request]]:
    """Return all kinds of request by their names in JSON: those that ship, and those of one's own that are imported."""

    def below(kind: type[Request]) -> Iterator[type[Request]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    found: dict[str, type[Request]] = {}
    for kind in below(Request):
        if kind.__module__.startswith(__package__ + ".") or kind.kind() not in found or not _ships(found[kind.kind()]):
            found[kind.kind()] = kind
    return found


def _ships(kind: type[Request]) -> bool:
    return kind.__module__.startswith(f"{__package__}.")


Takes = type[Request] | tuple[type[Request], ...]


def kinds_of(takes: Takes) -> tuple[type[Request], ...]:
    """Return the kinds of request that are meant by one or by several."""
    return takes if isinstance(takes, tuple) else (takes,)
