"""What requests hold, with their limits: every field is checked here before anything is made of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from limner import requests
from limner.drawing.seeds import LARGEST_SEED, seed_from_json
from limner.noise import Seed
from limner.studio.gallery.recipe import plain

Text = Annotated[str, Field(max_length=2_000), AfterValidator(plain)]
Word = Annotated[str, Field(max_length=100), AfterValidator(plain)]
Count = Annotated[int, Field(ge=1, le=64, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
Knob = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Word | None
MOST_NOISE = 4_096


class Body(BaseModel):
    """Base: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class CaptionBody(Body):
    """One sentence."""

    kind: Literal["caption"]
    text: Text


class StoryBody(Body):
    """Lines, a picture each; `setting` holds the lines as first told, where one was changed since."""

    kind: Literal["story"]
    lines: Annotated[list[Text], Field(min_length=1, max_length=500)]
    setting: Annotated[list[Text], Field(max_length=500)] = []


class NothingBody(Body):
    """For artists that are not told what to draw."""

    kind: Literal["nothing"]


class AttributesBody(Body):
    """Named values."""

    kind: Literal["attributes"]
    values: Annotated[dict[Word, Word], Field(max_length=200)]


class LabelsBody(Body):
    """The labels that should appear."""

    kind: Literal["labelset"]
    labels: Annotated[list[Word], Field(max_length=200)]


class DialogueBody(Body):
    """A caption, and questions with their answers."""

    kind: Literal["dialogue"]
    caption: Text
    turns: Annotated[list[tuple[Text, Text]], Field(max_length=50)] = []


class LayoutBody(Body):
    """Labelled boxes, each (label, x, y, width, height) in shares of the picture."""

    kind: Literal["layout"]
    boxes: Annotated[list[tuple[Word, Share, Share, Share, Share]], Field(max_length=100)]
    caption: Text = ""


class BlendBody(Body):
    """The point between two requests, either of which may lie between others."""

    kind: Literal["blend"]
    first: Asked
    second: Asked
    t: Share


Asked = Annotated[
    CaptionBody | StoryBody | NothingBody | AttributesBody | LabelsBody | DialogueBody | LayoutBody | BlendBody,
    Field(discriminator="kind"),
]
BlendBody.model_rebuild()


class StyleBody(Body):
    """The style of a picture, as `POST /v1/styles` found it."""

    noise: Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1, max_length=MOST_NOISE)]
    of: Word = ""


End = Number | StyleBody
Chance = TypeAliasType("Chance", "Number | StyleBody | tuple[Chance, Chance, Share]")
"""A seed, a style, or (from, to, share): the point between two, either of which may lie between others."""


class Common(Body):
    """What all requests for pictures may say."""

    model: Annotated[str, Field(max_length=200)] | None = None
    knobs: Annotated[dict[Word, Knob], Field(max_length=50)] = {}
    size: Annotated[str, Field(max_length=20)] | None = None
    """"auto", or WIDTHxHEIGHT: a whole multiple of what the artist draws, to which a picture is enlarged."""
    response_format: Literal["url", "b64_json"] = "url"


class Told(Body):
    """What to draw: a sentence (for a story a line a picture), or a request of any kind."""

    prompt: Text | None = None
    request: Asked | None = None


class Generation(Common, Told):
    """As the OpenAI API has it, with `seed`, `knobs` and `request` beside; what makes no sense here is taken and left.

    `stream` sends each draft as it comes, at most `partial_images` of them.
    """

    n: Count | None = None
    seed: Chance | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=64)] | None = None
    output_format: Literal["png"] | None = None
    background: Literal["auto", "opaque"] | None = None
    moderation: Word | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    quality: Word | None = None
    style: Word | None = None
    user: Annotated[str, Field(max_length=500)] | None = None


class Wish(Told):
    """A picture of a batch: what to draw, and its seed."""

    seed: Chance = 0


class Batch(Common):
    """Any pictures at once, with the same knobs."""

    rows: Annotated[list[Wish], Field(min_length=1, max_length=64)]


class Parent(Told):
    """One of the two that something is made between."""

    seed: Chance = 0


class Morph(Common):
    """The way from one prompt to another, with one seed."""

    first: Told
    second: Told
    seed: Chance = 0
    frames: Annotated[int, Field(ge=2, le=64, strict=True)] = 8


class Walk(Common, Told):
    """One prompt, while its noise moves from seed to seed, `frames` pictures from each to the next."""

    seeds: Annotated[list[End], Field(min_length=2, max_length=32)] = [0, 1]
    frames: Count = 8


class Mix(Common):
    """A grid between two parents: what is asked changes from row to row, the noise from column to column."""

    first: Parent
    second: Parent
    rows: Annotated[int, Field(ge=2, le=16, strict=True)] = 4
    columns: Annotated[int, Field(ge=2, le=16, strict=True)] = 4


class Tale(Common):
    """A story; told again with changed lines, `setting` holds those it was first told with.

    Pictures before `first`, from 1, are left out of the answer: they stayed as they were.
    """

    lines: Annotated[list[Text], Field(min_length=1, max_length=500)]
    setting: Annotated[list[Text], Field(max_length=500)] = []
    seed: Number | None = None
    first: Count = 1


class Look(Common, Told):
    """A picture, and where each of its words is looked at."""

    seed: Chance | None = None


def request_of(asked: Body) -> requests.Request:
    """Return the request a body stands for; raise as `limner.requests.from_json`."""
    return requests.from_json(asked.model_dump())


def seed_of(chance: Number | StyleBody | tuple[Any, ...]) -> Seed:
    """Return the seed a body stands for; raise as `limner.drawing.seeds.seed_from_json`."""

    def plain(part: Any) -> Any:
        if isinstance(part, tuple):
            return [plain(one) for one in part]
        return part.model_dump() if isinstance(part, StyleBody) else part

    return seed_from_json(plain(chance))
