"""SVG parts of an avatar: read once, coloured by string replacement, rasterised by resvg.

The drawings are those of the package ``python-avatars`` (MIT), whose avatars were designed by Pablo Stanley.
Its own object path re-parses every file for every picture; here each part is parsed once per process into a
template with three holes (colour, facial hair, accessory), and a picture is a handful of ``str.replace``.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from limner.errors import UserError
from limner.worlds.vector import rasterise as rasterise

VIEW = (12.0, 4.0, 240.0)
"""The square window on the drawing: left, top and side, in the artwork's units (264 x 280)."""

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_COLOUR, _FACIAL_HAIR, _ACCESSORY = "@colour@", "@facial-hair@", "@accessory@"
_COLOURED = ("Skin-Color", "Hair-Color", "Fabric-Color", "Facial-Hair-Color")
_BASE_HOLES = ("Clothing", "Mouth", "Nose", "Eyes", "Eyebrow", "Top")
_FOLDERS = {
    "hair": "top/hair",
    "hat": "top/hat",
    "facial_hair": "facial_hair",
    "glasses": "accessories",
    "clothing": "clothes",
    "mouth": "mouth",
    "nose": "nose",
    "eyes": "eyes",
    "eyebrows": "eyebrows",
}
_OFFSETS = {  # where the artwork's base sheet puts a part that does not depend on the hair or hat
    "clothing": (0, 170),
    "mouth": (78, 134),
    "nose": (104, 122),
    "eyes": (76, 90),
    "eyebrows": (76, 82),
}


def artwork() -> Path:
    """Return the folder of the SVG parts; UserError when a package of the extra ``worlds`` is missing."""
    spec = importlib.util.find_spec("python_avatars")
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("resvg_py") is None:
        raise UserError('avatars are drawn by python-avatars and resvg-py: pip install "limner[worlds]"')
    return Path(spec.submodule_search_locations[0]) / "avatar_parts"


def _element(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return root.find(f".//*[@id='{name}']")


@cache
def template(kind: str, name: str) -> str:
    """Return the SVG of one part with holes for its colour, facial hair and accessory."""
    folder = "styles" if kind == "base" else _FOLDERS[kind]
    root = ElementTree.parse(artwork() / folder / f"{name}.svg").getroot()
    for identifier in _COLOURED:
        coloured = _element(root, identifier)
        if coloured is not None:
            coloured.set("fill", _COLOUR)
    holes = {"Facial-Hair": _FACIAL_HAIR, "Accessory": _ACCESSORY}
    if kind == "base":
        holes = {part: f"@{part.lower()}@" for part in _BASE_HOLES}
    for identifier, token in holes.items():
        hole = _element(root, identifier)
        if hole is not None:
            hole.text = token
    _prefix_ids(root, f"{kind}-{name}-")
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in root)


def _prefix_ids(root: ElementTree.Element, prefix: str) -> None:
    """Make identifiers unique: every file of the artwork calls its shapes ``path-1`` and ``mask-2``."""
    for element in root.iter():
        for key, value in element.attrib.items():
            if key == "id":
                element.set(key, prefix + value)
            elif key.endswith("href") and value.startswith("#"):
                element.set(key, f"#{prefix}{value[1:]}")
            elif "url(#" in value:
                element.set(key, re.sub(r"url\(#", f"url(#{prefix}", value))


def _document(body: str) -> str:
    left, top, side = VIEW
    return (
        f'<svg xmlns="{_SVG}" xmlns:xlink="{_XLINK}" width="{side:g}" height="{side:g}" '
        f'viewBox="{left:g} {top:g} {side:g} {side:g}">{body}</svg>'
    )


def assemble(parts: Mapping[str, str | None], colours: Mapping[str, str]) -> str:
    """Return the SVG document of a portrait without its background.

    ``parts`` maps a kind (``hair`` or ``hat``, ``eyes``, ...) to a file name of the artwork, or None;
    ``colours`` maps ``skin``, ``hair``, ``hat``, ``facial_hair`` and ``clothing`` to ``#rrggbb``.
    """
    kind = "hat" if parts.get("hat") else "hair"
    top = template(kind, parts[kind] or "no_hair").replace(_COLOUR, colours[kind])
    facial_hair, glasses = "", ""
    if parts.get("facial_hair"):
        facial_hair = template("facial_hair", str(parts["facial_hair"]))
        facial_hair = facial_hair.replace(_COLOUR, colours["facial_hair"])
    if parts.get("glasses"):
        glasses = template("glasses", str(parts["glasses"]))
    clothing = template("clothing", str(parts["clothing"])).replace(_COLOUR, colours["clothing"])
    fillings = {
        _COLOUR: colours["skin"],
        "@clothing@": clothing,
        "@top@": top.replace(_FACIAL_HAIR, facial_hair).replace(_ACCESSORY, glasses),
        "@eyebrow@": template("eyebrows", str(parts["eyebrows"])),
        **{f"@{part}@": template(part, str(parts[part])) for part in ("mouth", "nose", "eyes")},
    }
    body = template("base", "transparent")
    for token, filling in fillings.items():
        body = body.replace(token, filling)
    return _document(body)


@cache
def _hole_transforms(kind: str, name: str, hole: str) -> tuple[str, ...]:
    """Return the transforms, outermost first, under which a hair or hat places what it carries."""
    root = ElementTree.parse(artwork() / _FOLDERS[kind] / f"{name}.svg").getroot()
    parents = {child: parent for parent in root.iter() for child in parent}
    node = _element(root, hole)
    chain = []
    while node is not None:
        chain.append(node.get("transform", ""))
        node = parents.get(node)
    return tuple(transform for transform in reversed(chain) if transform)


_HEAD_SHAPE = (
    "M100,0 C130.93,0 156,25.07 156,56 L156,62.17 C161.68,63.12 166,68.05 166,74 L166,88 C166,94.05 161.52,99.06 "
    "155.69,99.88 C152.73,128.06 128.97,150 100,150 C71.03,150 47.27,128.06 44.31,99.88 C38.48,99.06 34,94.05 34,88 "
    "L34,74 C34,68.05 38.32,63.12 44,62.17 L44,56 C44,25.07 69.07,0 100,0 Z"
)
"""The bare head with its ears: the artwork's body as far as the chin, in units of the body."""


@lru_cache(maxsize=512)
def _opaque(kind: str, name: str, transforms: tuple[str, ...], side: int) -> np.ndarray:
    """Tell which pixels one part covers, drawn alone: bool (side, side), without the soft shadow that hair throws."""
    if kind == "face":
        body = f'<g transform="translate(32 36)"><path d="{_HEAD_SHAPE}"/></g>'
    else:
        body = template(kind, name).replace(_COLOUR, "#000000")
    for token in (_FACIAL_HAIR, _ACCESSORY):
        body = body.replace(token, "")
    for transform in reversed(transforms):
        body = f'<g transform="{transform}">{body}</g>'
    alpha = rasterise(_document(f'<g fill="#000000">{body}</g>'), side)[..., 3]
    return alpha > alpha.max() // 2


@cache
def _extent(kind: str, name: str, transforms: tuple[str, ...]) -> tuple[float, float, float, float] | None:
    """Return left, top, right, bottom of one part drawn alone, in artwork units within the view."""
    left, top, side = VIEW
    opaque = _opaque(kind, name, transforms, int(side))
    rows, columns = np.flatnonzero(opaque.any(1)), np.flatnonzero(opaque.any(0))
    if not len(rows):
        return None
    first, last = (int(columns[0]), int(rows[0])), (int(columns[-1]) + 1, int(rows[-1]) + 1)
    return left + first[0], top + first[1], left + last[0], top + last[1]


@lru_cache(maxsize=512)
def _coverage(kind: str, name: str, transforms: tuple[str, ...], size: int) -> np.ndarray:
    fine = int(VIEW[2]) * -(-size // int(VIEW[2]))
    opaque = Image.fromarray(_opaque(kind, name, transforms, fine).astype(np.uint8) * np.uint8(255))
    covered = np.asarray(opaque.resize((size, size), Image.Resampling.BOX))
    covered.flags.writeable = False
    return covered


def extent(kind: str, parts: Mapping[str, str | None]) -> tuple[float, float, float, float] | None:
    """Return left, top, right, bottom of the part of this kind in artwork units, or None where none is drawn.

    Each part is drawn alone once per process and its extent kept, so a picture costs no further rendering.
    """
    drawn = _drawn(kind, parts)
    return None if drawn is None else _extent(kind, *drawn)


def coverage(kind: str, parts: Mapping[str, str | None], size: int) -> np.ndarray:
    """Return how much of each pixel the part of this kind covers, drawn alone: uint8 (size, size), 0 to 255.

    The part is one that is drawn, or `face`, the bare head.
    """
    drawn = ("", ()) if kind == "face" else _drawn(kind, parts)
    assert drawn is not None, f"no {kind} is drawn"
    return _coverage(kind, *drawn, size)


def _drawn(kind: str, parts: Mapping[str, str | None]) -> tuple[str, tuple[str, ...]] | None:
    """Return the drawing of a kind of part, and the transforms under which it is placed; None where there is none."""
    name = parts.get(kind)
    if name is None:
        return None
    transforms: tuple[str, ...] = ()
    if kind in _OFFSETS:
        transforms = ("translate({} {})".format(*_OFFSETS[kind]),)
    elif kind in ("glasses", "facial_hair"):
        carrier = "hat" if parts.get("hat") else "hair"
        hole = "Accessory" if kind == "glasses" else "Facial-Hair"
        transforms = _hole_transforms(carrier, parts[carrier] or "no_hair", hole)
    return name, transforms
