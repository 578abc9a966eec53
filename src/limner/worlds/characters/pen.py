"""The pen: smooth outlines through points, and the SVG elements that parts are made of.

An outline is written as points, "128,44 172,54 !196,96": a smooth curve runs through them and turns sharply at those
with a mark. Parts are drawn on a sheet of 256 by 256 units whose middle line is x = 128.
"""

from __future__ import annotations

from functools import cache

Point = tuple[float, float]
SIDE, MIDDLE = 256, 128
"""Side of the sheet, and the line in which symmetric outlines are mirrored."""


def _points(text: str) -> list[tuple[float, float, bool]]:
    found = []
    for word in text.split():
        x, y = word.lstrip("!").split(",")
        found.append((float(x), float(y), word.startswith("!")))
    return found


def _through(points: list[tuple[float, float, bool]], closed: bool) -> str:
    """Return the path of a Catmull-Rom spline through points; at sharp ones its tangent is nought."""
    count = len(points)
    handles = []
    for k, (_, _, sharp) in enumerate(points):
        before, after = (points[k - 1], points[(k + 1) % count]) if closed or 0 < k < count - 1 else (points[k],) * 2
        handles.append((0.0, 0.0) if sharp else ((after[0] - before[0]) / 6, (after[1] - before[1]) / 6))
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for k in range(count if closed else count - 1):
        (x0, y0, _), (x1, y1, _) = points[k], points[(k + 1) % count]
        (a, b), (c, d) = handles[k], handles[(k + 1) % count]
        parts.append(f"C{x0 + a:.1f} {y0 + b:.1f} {x1 - c:.1f} {y1 - d:.1f} {x1:g} {y1:g}")
    return "".join(parts) + ("Z" if closed else "")


@cache
def closed(text: str) -> str:
    """Return the path of a closed outline."""
    return _through(_points(text), True)


@cache
def line(text: str) -> str:
    """Return the path of an open line."""
    return _through(_points(text), False)


@cache
def symmetric(text: str) -> str:
    """Return the path of a closed outline from its right half, written from top to bottom; ends may lie in the middle."""
    half = _points(text)
    return _through(half + [(2 * MIDDLE - x, y, sharp) for x, y, sharp in reversed(half) if x != MIDDLE], True)


def shape(path: str, fill: str, stroke: str = "", width: float = 3.2) -> str:
    """Return a filled path, with an outline where `stroke` is given."""
    edge = f' stroke="{stroke}" stroke-width="{width:g}" stroke-linejoin="round"' if stroke else ""
    return f'<path d="{path}" fill="{fill}"{edge}/>'


def stroke(path: str, colour: str, width: float = 3.2) -> str:
    """Return a line with round ends."""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round" '
        'stroke-linejoin="round"/>'
    )


def ellipse(x: float, y: float, rx: float, ry: float, fill: str, edge: str = "", width: float = 3.2) -> str:
    """Return an ellipse, with an outline where `edge` is given."""
    drawn = f' stroke="{edge}" stroke-width="{width:g}"' if edge else ""
    return f'<ellipse cx="{x:g}" cy="{y:g}" rx="{rx:g}" ry="{ry:g}" fill="{fill}"{drawn}/>'


def group(body: str, transform: str) -> str:
    """Return elements under a transform."""
    return f'<g transform="{transform}">{body}</g>'


def mirrored(body: str) -> str:
    """Return elements mirrored in the middle line."""
    return group(body, f"matrix(-1 0 0 1 {2 * MIDDLE} 0)")


def both(body: str) -> str:
    """Return elements of the right side on both sides."""
    return body + mirrored(body)


def puffs(centres: str, radius: float, fill: str, edge: str, width: float = 3.2) -> str:
    """Return round tufts at points, as one mass with one outline: "128,44 170,60"."""
    return _circles(centres, radius, edge) + _circles(centres, radius - width, fill)


def _circles(centres: str, r: float, fill: str) -> str:
    """Return filled circles as one path, which is drawn many times faster than each alone."""
    path = "".join(
        f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z"
        for x, y, _ in _points(centres)
    )
    return shape(path, fill)


def star(x: float, y: float, radius: float, inner: float = 0.45, turn: float = 0.0) -> str:
    """Return the path of a star of five points."""
    import math

    corners = []
    for k in range(10):
        r = radius if k % 2 == 0 else radius * inner
        angle = math.pi * (k / 5 - 0.5) + turn
        corners.append(f"{x + r * math.cos(angle):.2f} {y + r * math.sin(angle):.2f}")
    return "M" + "L".join(corners) + "Z"


def heart(x: float, y: float, size: float) -> str:
    """Return the path of a heart, `size` from its middle to its side."""
    s = size
    return (
        f"M{x:g} {y + s:g}C{x - 1.5 * s:g} {y:g} {x - s:g} {y - 1.1 * s:g} {x:g} {y - 0.35 * s:g}"
        f"C{x + s:g} {y - 1.1 * s:g} {x + 1.5 * s:g} {y:g} {x:g} {y + s:g}Z"
    )
