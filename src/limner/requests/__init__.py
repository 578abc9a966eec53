"""What one can ask of a system: a caption, a story, a dialogue, attributes, labels, a layout, a picture, or nothing.

Requests are plain values. They travel as JSON (`to_json`, `from_json`) through recipes in pictures, the gallery and
the API, and compare equal when they say the same. A kind of request is one file that holds all that is known of it:
its fields (`form`), what a plain string means for it, which rows of a data set answer it, and its checks.
"""

from limner.requests.attributes import Attributes
from limner.requests.blend import MOST_PARTS, TOO_MIXED, Blend, between, shares
from limner.requests.caption import Caption
from limner.requests.codec import from_json, texts, to_json
from limner.requests.dialogue import Dialogue
from limner.requests.embedded import Embedded, EmbeddedStory
from limner.requests.fields import Field, form
from limner.requests.label_set import LabelSet
from limner.requests.layout import Box, Layout, boxes_of
from limner.requests.nothing import Nothing
from limner.requests.picture import Picture, asked
from limner.requests.request import Request, Takes, kinds, kinds_of
from limner.requests.story import MOST_LINES, Story

__all__ = [
    "MOST_LINES", "MOST_PARTS", "TOO_MIXED", "Attributes", "Blend", "Box", "Caption", "Dialogue", "Embedded",
    "EmbeddedStory", "Field", "LabelSet",
    "Layout", "Nothing", "Picture", "Request", "Story", "Takes", "asked", "between", "boxes_of", "form", "from_json",
    "kinds", "kinds_of", "shares", "texts", "to_json",
]  # fmt: skip
