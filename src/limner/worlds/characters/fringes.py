"""Hair before the face: fringes, locks at its sides, and the tops of styles that have no fringe."""

from __future__ import annotations

from limner.worlds.characters.palette import Tones
from limner.worlds.characters.pen import both, closed, ellipse, puffs, shape, stroke, symmetric

TOP = "60,128 61,94 86,54 128,40 170,54 195,94 196,128"
"""The outer edge of hair before the face, from the left temple over the top to the right one."""
INNER = {
    "straight": "!184,104 !176,117 !158,121 !155,111 !151,122 !131,123 !128,112 !125,123 !105,122 !101,111 !98,121 !80,117 !72,104",
    "side-swept": "!190,132 180,106 !166,80 156,98 132,114 100,122 !68,134 !72,112",
    "parted": "!190,138 180,112 158,92 !128,64 98,92 76,112 !66,138",
    "choppy": "!188,104 !180,134 172,108 !164,94 !150,134 144,108 !138,92 !122,136 116,108 !110,92 !96,134 90,108 !84,96 !74,132 !68,104",
    "swept back": "!188,120 178,94 156,78 128,73 100,78 78,94 !68,120",
}
"""The lower edge of each fringe, from right to left."""
FRINGES = tuple(INNER)
_STRANDS = {
    "straight": "M104 62C98 76 96 92 96 106M152 62C158 76 160 92 160 106M128 60V98",
    "side-swept": "M164 56C160 76 140 98 108 110M160 54C140 74 116 90 84 104M172 62C178 78 184 92 186 110",
    "parted": "M120 58C104 72 86 90 78 116M136 58C152 72 170 90 178 116M128 44V62",
    "choppy": "M108 60C102 76 100 90 100 108M150 60C152 78 150 94 150 110M128 58C126 76 124 92 123 112",
    "swept back": "M128 70V50M110 73C106 64 104 58 102 52M146 73C150 64 152 58 154 52M92 80C84 70 80 66 78 64M164 80C172 70 176 66 178 64",
}
_RING = "M78 92C92 76 112 70 128 70C144 70 164 76 178 92L172 84 168 78 160 80 156 72 146 75 140 68 128 72 116 68 110 75 100 72 96 80 88 78 84 84Z"
LOCKS = {
    "short": "180,106 197,104 199,134 !190,164 182,146 181,124",
    "long": "180,104 198,104 203,150 202,186 !192,214 184,184 181,140",
    "blunt": "!178,102 200,102 211,146 !216,188 !178,188 180,146",
    "curved": "180,104 199,104 205,142 204,172 !176,198 188,174 182,140",
}
"""The lock at the right side of the face; eyes and cheeks stay free."""


def lock(name: str, hair: Tones) -> str:
    """Return locks at both sides of the face."""
    return both(shape(closed(LOCKS[name]), hair.base, hair.line)) if name else ""


def outline(name: str) -> str:
    """Return the path of a fringe."""
    return closed(f"{TOP} {INNER[name]}")


def fringe(name: str, hair: Tones) -> str:
    """Return a fringe with strands and the light on it."""
    strands = stroke(_STRANDS[name], hair.shade, 3)
    return shape(outline(name), hair.base, hair.line) + strands + _gleam(hair)


def _gleam(hair: Tones) -> str:
    left = "M74 92C82 76 94 67 108 63C102 68 98 72 97 77C92 75 88 79 88 84C82 82 78 86 74 92Z"
    right = "M146 62C156 64 164 68 170 74C164 73 162 75 162 79C156 73 152 69 146 62Z"
    return shape(left, hair.light) + shape(right, hair.light)


def bald(_: Tones) -> str:
    """Return the shine of a head without hair."""
    return '<path d="M92 84C98 74 106 68 116 66C108 74 102 82 100 90Z" fill="#ffffff" fill-opacity=".55"/>'


def buzz(hair: Tones) -> str:
    """Return hair of a few millimetres with a sharp hairline."""
    path = symmetric("128,55 168,65 189,104 !187,128 !178,112 !172,88 150,84 128,84")
    dots = "".join(ellipse(x, y, 1.8, 1.8, hair.shade) for y in (64, 72, 80) for x in range(100 + y % 16, 162, 12))
    return shape(path, hair.base, hair.line) + dots


def quiff(hair: Tones) -> str:
    """Return hair that rises over the forehead to one side."""
    sides = symmetric("128,56 168,64 192,104 !190,134 !180,118 !176,92 150,84 128,84")
    crest = closed("!70,102 60,70 78,40 120,26 168,10 !214,26 206,52 194,74 !188,100 172,88 132,88 100,88")
    strands = "M84 86C84 64 104 46 150 36M108 84C112 66 138 56 186 46M140 84C150 72 166 66 190 64"
    light = shape("M76 70C84 50 104 40 132 34C110 46 94 58 90 76Z", hair.light)
    return (
        shape(sides, hair.shade, hair.line)
        + shape(crest, hair.base, hair.line)
        + stroke(strands, hair.shade, 3)
        + light
    )


def mohawk(hair: Tones) -> str:
    """Return a crest between shaved sides."""
    shaved = shape(symmetric("128,55 168,65 190,104 !188,126 !180,108 166,86 128,78"), hair.shade, "none")
    crest = closed(
        "!106,92 98,62 !84,28 106,40 !104,4 122,24 !134,-6 142,22 !160,0 154,38 !176,26 160,62 !150,92 128,84"
    )
    strands = "M116 82C112 62 112 48 112 36M128 80C128 56 130 40 132 26M140 82C144 62 146 48 150 34"
    return f'<g opacity=".55">{shaved}</g>' + shape(crest, hair.base, hair.line) + stroke(strands, hair.shade, 3)


def afro(hair: Tones) -> str:
    """Return the hairline of an afro."""
    spots = "72,104 84,86 102,76 120,72 136,72 154,76 172,86 184,104"
    return puffs(spots, 14, hair.base, hair.line) + shape(symmetric("128,46 170,58 190,96 160,80 128,70"), hair.base)


def curly(hair: Tones) -> str:
    """Return short curls over the forehead."""
    spots = "66,124 72,100 86,112 104,100 122,108 142,98 160,110 176,98 190,122"
    curls = puffs(spots, 15, hair.base, hair.line) + shape(symmetric("128,48 172,60 190,92 160,94 128,94"), hair.base)
    return curls + _rings(hair, ((92, 78), (122, 86), (152, 78), (108, 58), (140, 60), (174, 90), (78, 98)), 8)


def _rings(hair: Tones, places: tuple[tuple[int, int], ...], size: float) -> str:
    arcs = "".join(f"M{x - size} {y}a{size} {size} 0 1 1 {size} {size}" for x, y in places)
    return stroke(arcs, hair.shade, 3)


def pulled(hair: Tones) -> str:
    """Return hair that is pulled tight from a parting in the middle."""
    path = shape(symmetric("128,50 168,60 192,98 !190,124 !180,104 158,84 128,76"), hair.base, hair.line)
    return (
        path + stroke("M128 52V76M112 54C100 62 88 74 80 92M144 54C156 62 168 74 176 92", hair.shade, 3) + _gleam(hair)
    )


def bowl(hair: Tones) -> str:
    """Return a bowl cut: one straight rim all round, wider than the head."""
    path = symmetric("128,34 178,46 210,88 214,132 !210,146 !186,146 !184,122 !172,118 128,118")
    strands = stroke(
        "M128 50V106M106 52C98 70 96 90 96 106M150 52C158 70 160 90 160 106M78 68C70 90 66 110 64 134M178 68C186 90 190 110 192 134",
        hair.shade,
        3,
    )
    return shape(path, hair.base, hair.line) + strands + _gleam(hair)


def ropes(hair: Tones) -> str:
    """Return dreadlocks that fall from a parting beside the face."""
    top = shape(symmetric("128,42 172,52 197,96 !198,124 !182,112 158,92 128,70"), hair.base, hair.line)
    return (
        top
        + stroke("M128 44V70M112 48C96 60 80 78 70 106M144 48C160 60 176 78 186 106", hair.shade, 3.4)
        + _gleam(hair)
    )


OWN = {
    "bald": bald, "buzz cut": buzz, "quiff": quiff, "mohawk": mohawk, "afro": afro, "curly": curly, "afro puffs": pulled,
    "bowl cut": bowl, "dreadlocks": ropes,
}  # fmt: skip
"""Styles that have no fringe to choose, and what they have before the face."""
