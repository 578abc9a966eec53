"""Request bodies, with their limits: every field is checked here before it is used."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    create_model,
)
from typing_extensions import TypeAliasType

from limner import requests
from limner.drawing.seeds import LARGEST_SEED, seed_from_json
from limner.noise import Seed
from limner.studio.errors import OWN
from limner.studio.gallery.recipe import plain

Text = Annotated[str, Field(max_length=2_000), AfterValidator(plain)]
Word = Annotated[str, Field(max_length=100), AfterValidator(plain)]
Count = Annotated[int, Field(ge=1, le=64, strict=True)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
"""A number of a request, which is no text such as "0.1"."""
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
SeedNumber = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
KnobValue = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Word | None
MAX_NOISE = 4_096
MAX_DRAFTS = 100_000


class StrictModel(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def _items(field: requests.Field) -> Any:
    """Return the type of one text of a field."""
    return Annotated[str, Field(max_length=field.longest), AfterValidator(plain)]


def _type(field: requests.Field) -> Any:
    """Return the type of a field of a request in a body, with its limits."""
    text, most = _items(field), Field(max_length=field.most)
    least = Field(min_length=1) if field.required else Field()
    encoded = Annotated[str, Field(max_length=field.longest, pattern=r"^[A-Za-z0-9+/]*={0,2}$"), least]
    low, high = field.span
    types: dict[str, Any] = {
        "text": text,
        "choice": text,
        "number": Annotated[float, Field(ge=low, le=high, allow_inf_nan=False, strict=True)],
        "lines": Annotated[list[text], most, least],  # type: ignore[valid-type]
        "values": Annotated[dict[text, text], most],  # type: ignore[valid-type]
        "labels": Annotated[list[text], most],  # type: ignore[valid-type]
        "turns": Annotated[list[tuple[text, text]], most],  # type: ignore[valid-type]
        "boxes": Annotated[list[tuple[text, Share, Share, Share, Share]], most],  # type: ignore[valid-type]
        "picture": encoded,
        "mask": encoded,
        "masks": Annotated[list[encoded], most],
        "request": "AnyRequest | None",
        "vectors": Annotated[list[Annotated[list[Number], Field(max_length=field.longest)]], most],
        "points": Annotated[list[tuple[text, Share, Share]], most],  # type: ignore[valid-type]
    }
    return types[field.type]


def _body(kind: type[requests.Request]) -> type[StrictModel]:
    """Make the body of a kind of request out of its fields."""
    defaults = {field.name: _default(field) for field in dataclasses.fields(kind)}
    fields: dict[str, Any] = {field.name: (_type(field), defaults[field.name]) for field in kind.fields()}
    name = f"{kind.__name__}Request"
    tagged: Any = Literal[kind.kind()]
    doc, module = kind.__doc__, __name__
    return create_model(name, __base__=StrictModel, __doc__=doc, __module__=module, kind=(tagged, ...), **fields)


def _default(field: dataclasses.Field[Any]) -> Any:
    """Return what a field is where it is left out, `...` where it may not be."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if isinstance(field.default, tuple):
        return list(field.default)
    return ... if field.default is dataclasses.MISSING else field.default


class BlendRequest(StrictModel):
    """The point between two requests, each of which may be a blend."""

    kind: Literal["blend"]
    first: AnyRequest
    second: AnyRequest
    t: Fraction


def _known(kind: str) -> str:
    if kind not in requests.kinds():
        raise ValueError(f"there is no such kind of request: use one of {', '.join(requests.kinds())}")
    return kind


class OwnRequest(BaseModel):
    """A kind of request of one's own: its fields are checked when it is drawn from."""

    model_config = ConfigDict(extra="allow")
    kind: Annotated[str, Field(max_length=100), AfterValidator(_known)]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the kinds that there are by then: artists that were loaded since may have brought their own."""
        found = handler(core_schema)
        own = [_body(kind) for name, kind in requests.kinds().items() if name not in BODIES]
        if own:
            described = handler.resolve_ref_schema(found)
            described.clear()
            described |= {"title": cls.__name__, "anyOf": [body.model_json_schema() for body in own]}
        return found


def _tag(body: Any) -> str:
    kind = body.get("kind") if isinstance(body, dict) else getattr(body, "kind", "")
    return kind if isinstance(kind, str) and kind in BODIES else OWN


BODIES: dict[str, Any] = {name: _body(kind) for name, kind in requests.kinds().items() if kind is not requests.Blend}
BODIES["blend"] = BlendRequest
if TYPE_CHECKING:
    AnyRequest = BaseModel
else:
    AnyRequest = Annotated[
        Union[(*(Annotated[body, Tag(name)] for name, body in BODIES.items()), Annotated[OwnRequest, Tag(OWN)])],
        Discriminator(_tag),
    ]
for _made in BODIES.values():
    _made.model_rebuild()


class StyleSeed(StrictModel):
    """The style of a picture, as `POST /v1/styles` found it."""

    noise: Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=MAX_NOISE)]
    of: Word = ""


SimpleSeed = SeedNumber | StyleSeed
AnySeed = TypeAliasType("AnySeed", "SeedNumber | StyleSeed | tuple[AnySeed, AnySeed, Fraction]")
"""A seed, a style, or (from, to, t): the point between two, each of which may lie between others."""


class DrawingOptions(StrictModel):
    """The fields of every request for pictures."""

    model: Annotated[str, Field(max_length=200)] | None = None
    knobs: Annotated[dict[Word, KnobValue], Field(max_length=50)] = {}
    size: Annotated[str, Field(max_length=20)] | None = None
    """"auto", or WIDTHxHEIGHT: a whole multiple of what the artist draws, to which a picture is enlarged.

    An artist that carries an enlarger (`sizes` of `GET /v1/artists`) does so itself, and the recipe says it.
    """
    response_format: Literal["url", "b64_json"] | None = None
    """null: b64_json, as the OpenAI API answers today."""


class PromptOrRequest(StrictModel):
    """What to draw: a sentence (for a story a line a picture), or a request of any kind."""

    prompt: Text | None = None
    request: AnyRequest | None = None


class StoppableOptions(DrawingOptions):
    """The fields of requests whose drawings may end before they are done."""

    stop: Annotated[int, Field(ge=1, le=MAX_DRAFTS, strict=True)] | None = None
    """After how many drafts each drawing ends; its recipe says so. Drafts of a stream have their number (`draft`)."""


class GenerationBody(StoppableOptions, PromptOrRequest):
    """As in the OpenAI API, with `seed`, `knobs` and `request`; fields that mean nothing here are accepted and ignored.

    `stream` sends each draft when it is drawn, ten a second and `partial_images` of them at most.
    """

    n: Count | None = None
    seed: AnySeed | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=64, strict=True)] | None = None
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    moderation: Word | None = None
    output_compression: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    quality: Word | None = None
    style: Word | None = None
    user: Annotated[str, Field(max_length=500)] | None = None


class BatchRow(PromptOrRequest):
    """A picture of a batch: what to draw, and its seed."""

    seed: AnySeed = 0


class BatchBody(StoppableOptions):
    """Any pictures at once, with the same knobs."""

    rows: Annotated[list[BatchRow], Field(min_length=1, max_length=64)]


class MixParent(PromptOrRequest):
    """One of the two pictures that a mix lies between."""

    seed: AnySeed = 0


class MorphBody(DrawingOptions):
    """The way from one prompt to another, with one seed."""

    first: PromptOrRequest
    second: PromptOrRequest
    seed: AnySeed = 0
    frames: Annotated[int, Field(ge=2, le=64, strict=True)] = 8


class WalkBody(DrawingOptions, PromptOrRequest):
    """One prompt, while its noise moves from seed to seed, `frames` pictures from each to the next."""

    seeds: Annotated[list[SimpleSeed], Field(min_length=2, max_length=32)] = [0, 1]
    frames: Count = 8


class MixBody(DrawingOptions):
    """A grid between two parents: the request changes from row to row, the noise from column to column."""

    first: MixParent
    second: MixParent
    rows: Annotated[int, Field(ge=2, le=16, strict=True)] = 4
    columns: Annotated[int, Field(ge=2, le=16, strict=True)] = 4


class StoryBody(DrawingOptions):
    """A story; where lines were changed, `setting` holds the original ones.

    Pictures before `first`, counted from 1, are left out of the response: they stay as they were.
    """

    lines: Annotated[list[Text], Field(min_length=1, max_length=500)]
    setting: Annotated[list[Text], Field(max_length=500)] = []
    seed: SeedNumber | None = None
    first: Count = 1


class AttentionBody(DrawingOptions, PromptOrRequest):
    """A picture, and the attention map of each of its words."""

    seed: AnySeed | None = None


def parse_request(request: BaseModel) -> requests.Request:
    """Return the request of a body; raise as `limner.requests.from_json`."""
    return requests.from_json(request.model_dump())


def parse_seed(seed: SeedNumber | StyleSeed | tuple[Any, ...]) -> Seed:
    """Return the seed of a body; raise as `limner.drawing.seeds.seed_from_json`."""

    def to_json(part: Any) -> Any:
        if isinstance(part, tuple):
            return [to_json(item) for item in part]
        return part.model_dump() if isinstance(part, StyleSeed) else part

    return seed_from_json(to_json(seed))
