"""What one can ask of a system: a caption, a story, a dialogue, attributes, labels, a layout, or nothing at all.

Requests are plain values. They travel as JSON (`to_json`, `from_json`) through recipes in pictures, the gallery and
the API, and compare equal when they say the same.
"""

from limner.requests.attributes import Attributes
from limner.requests.blend import MOST_PARTS, TOO_MIXED, Blend, shares
from limner.requests.caption import Caption
from limner.requests.codec import from_json, texts, to_json
from limner.requests.dialogue import Dialogue
from limner.requests.label_set import LabelSet
from limner.requests.layout import Layout
from limner.requests.nothing import Nothing
from limner.requests.request import Request
from limner.requests.story import Story

__all__ = [
    "MOST_PARTS", "TOO_MIXED", "Attributes", "Blend", "Caption", "Dialogue", "LabelSet", "Layout", "Nothing", "Request",
    "Story", "from_json", "shares", "texts", "to_json",
]  # fmt: skip
