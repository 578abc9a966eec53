"""Hair styles: what falls behind the head, what lies over the shoulders, and which locks frame the face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from limner.worlds.characters.palette import Tones
from limner.worlds.characters.pen import both, closed, ellipse, group, line, puffs, shape, stroke, symmetric

_CAP = "128,40 170,50 198,92 200,136 190,172 !172,182 128,184"
_SHORT = "128,40 170,50 197,92 198,130 !190,160 128,164"


@dataclass(frozen=True)
class Style:
    """How a style is drawn.

    ``back`` is drawn behind the body, ``over`` before it; both take tones. ``lock`` names the locks beside the face.
    ``fringe`` tells whether it goes with any fringe, ``long`` whether its ends can have a colour of their own, ``hat``
    whether it can be told under a hat, ``worn`` by whom it is worn: g(irls), b(oys), both.
    """

    back: Callable[[Tones], str]
    over: Callable[[Tones], str] | None = None
    lock: str = "short"
    fringe: bool = True
    long: bool = False
    hat: bool = False
    worn: str = "gb"


def _mass(outline: str, strands: str = "") -> Callable[[Tones], str]:
    """Return the drawing of a symmetric mass behind the head."""

    def draw(hair: Tones) -> str:
        inner = stroke(strands, hair.shade, 3.2) if strands else ""
        return shape(symmetric(outline), hair.base, hair.line) + inner + _hollow(hair, outline in (_CAP, _SHORT))

    return draw


def _hollow(hair: Tones, high: bool = False) -> str:
    """Return the dark of hair behind the neck; `high` where it ends above it."""
    low = "128,90 176,100 176,150 162,170 128,176" if high else "128,90 176,100 178,170 168,214 128,222"
    return shape(symmetric(low), hair.shade)


def _ragged(outline: str) -> Callable[[Tones], str]:
    """Return the drawing of a mass that is not symmetric."""
    return lambda hair: shape(closed(outline), hair.base, hair.line)


def _curls(hair: Tones) -> str:
    side = "192,76 204,102 208,130 210,158 212,186 210,214 208,242 204,268"
    mass = shape(symmetric("128,40 172,52 198,92 206,160 208,280 128,284"), hair.base)
    marks = stroke(
        "M206 118q10 6 2 16M208 148q11 7 2 17M210 178q11 7 1 17M209 208q11 7 1 17M207 236q10 7 1 16", hair.shade, 3.2
    )
    return both(puffs(side, 19, hair.base, hair.line)) + mass + both(marks) + _hollow(hair)


def _tails(hair: Tones) -> str:
    tail = closed("186,76 208,60 234,78 246,124 242,176 !230,232 216,206 214,160 204,118 190,98")
    inner = stroke(line("210,84 226,116 230,160 228,200"), hair.shade, 3.4)
    shine = stroke(line("222,82 234,104 238,130"), hair.light, 4.5)
    return both(shape(tail, hair.base, hair.line) + inner + shine) + _mass(_SHORT)(hair)


def _tie(x: float, y: float, turn: float, hair: Tones) -> str:
    return group(
        f'<rect x="-9" y="-5" width="18" height="10" rx="5" fill="{hair.line}"/>', f"translate({x} {y}) rotate({turn})"
    )


def _drills(hair: Tones) -> str:
    rings = ""
    for k, (x, y, rx) in enumerate(
        ((203, 232, 8), (204, 216, 12), (206, 199, 16), (207, 181, 19), (207, 162, 21), (205, 142, 21), (201, 122, 19))
    ):
        rings += group(
            ellipse(0, 0, rx, 12, hair.base if k % 2 else hair.shade, hair.line, 2.8), f"translate({x} {y}) rotate(-16)"
        )
    return both(rings + stroke("M192 138q8 6 18 4M192 158q9 6 20 4M192 178q8 6 18 4", hair.light, 3))


def _bunches(hair: Tones) -> str:
    bunch = closed("186,176 206,180 218,206 214,236 !198,262 184,240 178,212 180,190")
    return both(
        shape(bunch, hair.base, hair.line)
        + stroke("M196 194C204 212 204 228 198 246", hair.shade, 3.2)
        + _tie(190, 180, 24, hair)
    )


def _ponytail(hair: Tones) -> str:
    tail = closed("136,50 144,20 182,4 226,28 244,86 240,150 !222,214 210,170 212,120 198,76 170,54")
    inner = stroke(line("164,34 204,48 226,96 224,160"), hair.shade, 3.6) + stroke(
        line("186,20 214,34 230,64"), hair.light, 4.5
    )
    return shape(tail, hair.base, hair.line) + inner + _mass(_SHORT)(hair)


def _side_tail(hair: Tones) -> str:
    tail = closed("184,152 206,150 230,176 234,214 !216,258 202,228 194,196 182,170")
    inner = stroke(line("202,166 214,192 216,226"), hair.shade, 3.4) + stroke(
        line("214,166 224,186 226,206"), hair.light, 4
    )
    return shape(tail, hair.base, hair.line) + inner + _tie(192, 156, 50, hair)


def _bun(x: float, y: float, r: float, hair: Tones) -> str:
    swirl = f"M{x - r * 0.5:g} {y + r * 0.2:g}C{x - r * 0.4:g} {y - r * 0.7:g} {x + r * 0.7:g} {y - r * 0.6:g} {x + r * 0.5:g} {y + r * 0.25:g}"
    return (
        ellipse(x, y, r, r, hair.base, hair.line)
        + stroke(swirl, hair.shade, 3.4)
        + ellipse(x - r * 0.35, y - r * 0.45, r * 0.22, r * 0.16, hair.light)
    )


def _plait(x: float, top: float, links: int, size: float, hair: Tones) -> str:
    """Return a plait of links that hangs from (x, top)."""
    drawn = shape(
        f"M{x - size * 0.5:g} {top + links * size * 1.25:g}l{size * 0.5:g} {size * 1.7:g}l{size * 0.5:g} {-size * 1.7:g}Z",
        hair.base,
        hair.line,
        2.8,
    )
    for k in reversed(range(links)):
        y = top + k * size * 1.25
        turn = 24 if k % 2 else -24
        drawn += group(
            ellipse(0, 0, size, size * 0.78, hair.base, hair.line, 2.8)
            + ellipse(-size * 0.3, -size * 0.25, size * 0.3, size * 0.2, hair.light),
            f"translate({x:g} {y:g}) rotate({turn})",
        )
    return drawn + _tie(x, top + links * size * 1.25 - size * 0.3, 0, hair)


def _afro(hair: Tones) -> str:
    edge = "128,12 158,16 186,30 206,54 216,84 214,116 202,144 184,164 72,164 54,144 42,116 40,84 50,54 70,30 98,16"
    rings = "".join(
        f"M{x - 7} {y}a7 7 0 1 1 7 7"
        for x, y in ((76, 48), (112, 34), (150, 36), (184, 56), (58, 84), (200, 92), (54, 122), (204, 128))
    )
    return puffs(edge, 21, hair.base, hair.line) + ellipse(128, 92, 88, 82, hair.base) + stroke(rings, hair.shade, 3.2)


def _puff(x: float, y: float, hair: Tones) -> str:
    spots = " ".join(
        f"{x + dx:g},{y + dy:g}"
        for dx, dy in ((0, -20), (18, -12), (22, 6), (10, 20), (-10, 20), (-22, 6), (-18, -12), (0, 0))
    )
    rings = f"M{x - 14:g} {y - 2:g}a7 7 0 1 1 7 7M{x + 4:g} {y - 10:g}a7 7 0 1 1 7 7M{x:g} {y + 12:g}a6 6 0 1 1 6 6"
    return puffs(spots, 15, hair.base, hair.line) + stroke(rings, hair.shade, 3)


def _curly(hair: Tones) -> str:
    edge = "128,40 154,42 178,56 194,78 202,104 204,132 196,156 60,156 52,132 54,104 62,78 78,56 102,42"
    return puffs(edge, 18, hair.base, hair.line) + ellipse(128, 100, 72, 62, hair.base)


def _rope(points: str, hair: Tones) -> str:
    path = line(points)
    (x0, y0), (x1, y1) = ([float(v) for v in word.split(",")] for word in (points.split()[0], points.split()[-1]))
    marks = "".join(f"M{x0 + (x1 - x0) * t - 5:.1f} {y0 + (y1 - y0) * t:.1f}l10 4" for t in (0.3, 0.48, 0.66, 0.84))
    return stroke(path, hair.line, 19) + stroke(path, hair.base, 13.5) + stroke(marks, hair.shade, 2.8)


def _ropes(hair: Tones) -> str:
    far = "".join(_rope(p, hair) for p in ("176,70 196,130 200,220", "160,66 182,140 184,236"))
    return _mass(_CAP)(hair) + both(far)


def _ropes_over(hair: Tones) -> str:
    return both("".join(_rope(p, hair) for p in ("184,86 206,120 212,204", "178,92 192,130 194,190")))


LONG = "128,40 171,50 199,94 205,160 212,236 !214,300 128,300"
WAVY = "128,40 171,50 199,92 208,126 200,150 218,180 206,208 224,238 !216,300 128,300"
STYLES: dict[str, Style] = {
    "long straight": Style(
        _mass(LONG, "M192 150C196 190 198 230 198 280M64 150C60 190 58 230 58 280"), None, "long", True, True, True
    ),
    "long wavy": Style(
        _mass(
            WAVY,
            "M192 140C188 160 204 184 196 208C192 226 208 240 206 262M64 140C68 160 52 184 60 208C64 226 48 240 50 262",
        ),
        None,
        "curved",
        True,
        True,
        True,
        "g",
    ),
    "long curly": Style(_curls, None, "short", True, True, True, "g"),
    "hime cut": Style(
        _mass("128,40 171,50 199,94 200,160 196,236 !194,300 128,300"), None, "blunt", True, True, True, "g"
    ),
    "bob": Style(
        _mass("128,40 172,50 202,94 208,146 202,182 !182,200 128,196"), None, "curved", True, False, True, "g"
    ),
    "flipped bob": Style(
        _mass("128,40 171,50 199,94 201,140 204,168 !238,182 222,202 196,208 128,204"),
        None,
        "short",
        True,
        False,
        True,
        "g",
    ),
    "short": Style(_mass(_SHORT), hat=True),
    "messy": Style(
        _ragged(
            "62,160 !44,158 56,130 !38,118 55,96 !44,64 74,62 !78,34 106,44 !122,22 144,40 !172,22 178,54 !212,60 200,94 !220,114 199,130 !212,158 194,160"
        ),
        worn="b",
    ),
    "spiky": Style(
        _ragged(
            "66,156 !30,152 54,124 !10,106 52,86 !22,40 74,56 !68,4 108,36 !130,-14 152,34 !194,0 186,52 !236,38 206,84 !246,104 203,122 !228,150 190,156"
        ),
        worn="b",
    ),
    "bowl cut": Style(_mass(_SHORT), None, "", False, worn="b"),
    "twin tails": Style(_tails, None, "short", True, True, worn="g"),
    "drill curls": Style(_mass(_SHORT), _drills, "", True, True, worn="g"),
    "low pigtails": Style(_mass(_CAP), _bunches, "short", True, True, True, "g"),
    "ponytail": Style(_ponytail, None, "short", True, True),
    "side ponytail": Style(_mass(_CAP), _side_tail, "short", True, True, True, "g"),
    "bun": Style(lambda hair: _bun(128, 30, 25, hair) + _mass(_SHORT)(hair)),
    "twin buns": Style(lambda hair: _bun(74, 50, 25, hair) + _bun(182, 50, 25, hair) + _mass(_SHORT)(hair), worn="g"),
    "twin braids": Style(_mass(_CAP), lambda hair: both(_plait(192, 178, 4, 14, hair)), "short", True, True, True, "g"),
    "side braid": Style(_mass(_CAP), lambda hair: _plait(194, 172, 4, 17, hair), "short", True, True, True, "g"),
    "afro": Style(_afro, None, "", False),
    "afro puffs": Style(lambda hair: _puff(62, 56, hair) + _puff(194, 56, hair), None, "", False, worn="g"),
    "curly": Style(_curly, None, "", False),
    "dreadlocks": Style(_ropes, _ropes_over, "", False, True, True),
    "mohawk": Style(lambda _: "", None, "", False, worn="b"),
    "quiff": Style(lambda _: "", None, "", False, worn="b"),
    "buzz cut": Style(lambda _: "", None, "", False, worn="b"),
    "bald": Style(lambda _: "", None, "", False, worn="b"),
}
"""Every hair style by its name."""
