"""What is worn on the head, and glasses and earrings."""

from __future__ import annotations

from collections.abc import Callable

from limner.worlds.characters.palette import GOLD, Tones, mix
from limner.worlds.characters.pen import both, closed, ellipse, group, line, puffs, shape, stroke, symmetric


def bow(c: Tones) -> str:
    """Return a large bow on top of the head."""
    loop = shape(closed("!128,44 146,24 176,12 !186,22 184,52 !178,64 150,58"), c.base, c.line)
    fold = stroke("M136 44C150 36 160 32 170 32M136 48C148 50 158 52 166 52", c.shade, 3)
    tail = shape(closed("!130,50 142,60 !156,84 !142,80 !134,86"), c.shade, c.line, 2.8)
    return group(
        both(tail + loop + fold) + ellipse(128, 46, 10, 11, c.base, c.line), "translate(30 6) rotate(14 128 46)"
    )


def clips(c: Tones) -> str:
    """Return two hair pins, crossed over the fringe."""

    def pin(turn: float) -> str:
        return group(
            f'<rect x="-21" y="-6" width="42" height="12" rx="6" fill="{c.base}" stroke="{c.line}" stroke-width="3"/>',
            f"translate(170 96) rotate({turn})",
        )

    return pin(32) + pin(-42)


def flower(c: Tones) -> str:
    """Return a large flower at one side."""
    petals = "".join(group(ellipse(0, -15, 11.5, 13.5, c.base, c.line, 2.8), f"rotate({72 * k})") for k in range(5))
    leaves = shape(closed("!-6,10 -26,16 !-42,34 -18,32"), "#58b368", "#23623a", 2.6) + shape(
        closed("!8,12 28,14 !42,30 18,32"), "#58b368", "#23623a", 2.6
    )
    return group(leaves + petals + ellipse(0, 0, 8.5, 8.5, "#ffe066", "#a8781a", 2.4), "translate(184 74)")


def headphones(c: Tones) -> str:
    """Return headphones."""
    band = line("58,128 58,84 84,42 128,27 172,42 198,84 198,128")
    cup = f'<rect x="184" y="110" width="28" height="56" rx="13" fill="{c.base}" stroke="{c.line}" stroke-width="3.4"/>'
    return stroke(band, c.line, 15) + stroke(band, c.base, 9) + both(cup + ellipse(200, 138, 5.5, 14, c.light))


def cat_ears(c: Tones) -> str:
    """Return the ears of a cat; the head covers their base."""
    return both(
        shape(closed("!150,66 158,34 !192,-2 206,44 !206,92"), c.base, c.line)
        + shape(closed("!166,58 172,36 !188,16 194,46 !194,72"), "#ffb3c4")
    )


def rabbit_ears(c: Tones) -> str:
    """Return the long ears of a rabbit, one of them bent."""
    ear = shape(closed("142,70 136,24 144,-8 160,-16 172,-2 172,34 168,72"), c.base, c.line) + shape(
        closed("150,60 146,26 152,0 160,-5 164,6 163,34 160,62"), "#ffb3c4"
    )
    bent = shape(closed("142,70 138,30 146,2 162,-8 176,4 174,34 168,72"), c.base, c.line) + shape(
        closed("150,62 147,36 152,20 160,16 165,24 163,40 160,62"), "#ffb3c4"
    )
    tip = shape(closed("!143,14 150,-8 172,-10 194,8 !202,32 184,32 166,22"), c.base, c.line)
    return group(ear, "rotate(9 150 70)") + mirrored_group(group(bent + tip, "rotate(9 150 70)"))


def mirrored_group(body: str) -> str:
    """Return elements mirrored in the middle line."""
    return group(body, "matrix(-1 0 0 1 256 0)")


def horns(_: Tones) -> str:
    """Return two curved horns."""
    horn = shape(closed("!158,64 172,40 192,34 202,18 !200,-12 222,14 224,44 204,68 !184,84"), "#efe0c0", "#6b4a30")
    return both(horn + stroke("M178 48L196 66M194 38L212 54M204 22L222 30", "#c4a67a", 3.2))


def crown(_: Tones) -> str:
    """Return a golden crown."""
    path = "M88 54L80 6L104 28L128 -4L152 28L176 6L168 54Q128 66 88 54Z"
    gems = ellipse(128, 42, 6.5, 7.5, "#e0344c", "#8a5a10", 2) + both(ellipse(152, 41, 5, 6, "#3a77dd", "#8a5a10", 2))
    return (
        shape(path, GOLD, "#8a5a10")
        + stroke("M89 46Q128 58 167 46", "#fff0b0", 3.4)
        + gems
        + both(ellipse(177, 6, 5, 5, GOLD, "#8a5a10", 2.4))
        + ellipse(128, -4, 5, 5, GOLD, "#8a5a10", 2.4)
    )


def halo(_: Tones) -> str:
    """Return a halo over the head."""
    return ellipse(128, 17, 50, 12.5, "none", "#b98512", 12) + ellipse(128, 17, 50, 12.5, "none", "#ffe46b", 7.5)


def headband(c: Tones) -> str:
    """Return a headband with a knot at its side."""
    band = "M60 96C72 62 100 50 128 50C156 50 184 62 196 96L200 80C188 46 158 36 128 36C98 36 68 46 56 80Z"
    return shape(band, c.base, c.line) + stroke("M64 86C78 58 102 46 128 45", c.light, 3)


def beanie(c: Tones) -> str:
    """Return a knitted hat with a pompom."""
    dome = shape(symmetric("128,20 162,26 190,52 200,92 128,94"), c.base, c.line)
    knit = stroke("M96 34C86 50 82 66 80 84M128 26V80M160 34C170 50 174 66 176 84", c.shade, 4)
    rim = f'<rect x="50" y="74" width="156" height="29" rx="13" fill="{c.shade}" stroke="{c.line}" stroke-width="3.4"/>'
    ribs = stroke("".join(f"M{x} 80V97" for x in range(70, 200, 16)), c.line, 2.6)
    return (
        puffs("128,0 140,8 140,22 128,28 116,22 116,8 128,12", 11, "#ffffff", "#8287a6", 2.6) + dome + knit + rim + ribs
    )


def cap(c: Tones) -> str:
    """Return a cap with a brim that points to one side."""
    dome = shape(symmetric("128,22 164,28 192,54 202,96 128,98"), c.base, c.line)
    seams = stroke("M128 24V90M104 28C92 48 86 68 84 90M152 28C164 48 170 68 172 90", c.shade, 3) + ellipse(
        128, 24, 7, 5, c.shade, c.line, 2.6
    )
    brim = shape(closed("!50,90 90,82 150,84 206,94 236,108 !240,118 196,114 128,106 76,104"), c.shade, c.line)
    badge = ellipse(128, 62, 14, 14, "#ffffff", c.line, 2.8)
    return dome + seams + badge + brim


def witch_hat(c: Tones) -> str:
    """Return a pointed hat with a buckle."""
    cone = shape(closed("!66,84 86,50 104,16 126,-8 !170,-10 156,4 158,24 172,54 !192,84"), c.base, c.line)
    fold = stroke("M124 8C134 14 146 16 156 14M110 26C122 32 130 32 138 30", c.shade, 3.4)
    band = shape("M72 66Q128 86 186 66L192 86Q128 104 65 86Z", mix(c.shade, "#1a1024", 0.4), c.line, 2.8)
    brim = shape(symmetric("128,82 176,80 216,76 246,86 226,100 180,106 128,108"), c.base, c.line)
    return (
        brim.replace("<path", "<path", 1)
        + cone
        + fold
        + band
        + shape("M116 72H142V92H116Z", GOLD, "#8a5a10", 3)
        + shape("M123 77H135V87H123Z", c.shade)
    )


def straw_hat(c: Tones) -> str:
    """Return a straw hat with a ribbon."""
    straw, dark, edge = "#f4d488", "#d9ae58", "#8a6426"
    brim = shape(symmetric("128,72 186,74 226,84 248,96 222,108 176,108 128,106"), straw, edge)
    crown_ = shape(symmetric("128,18 160,24 178,48 186,84 128,92"), straw, edge)
    band = shape("M73 64Q128 80 183 64L187 84Q128 100 69 84Z", c.base, c.line, 2.8)
    weave = stroke("M96 34Q128 42 160 34M84 48Q128 58 172 48M40 94Q70 88 90 96M166 96Q196 88 218 94", dark, 3)
    return brim + crown_ + weave + band


def beret(c: Tones) -> str:
    """Return a beret that leans to one side."""
    soft = shape(closed("54,84 44,56 76,22 132,12 190,22 218,52 204,84 164,90 110,92"), c.base, c.line)
    band = stroke(line("62,86 96,92 128,93 164,91 196,84"), c.shade, 6)
    return stroke("M128 14L134 2", c.line, 6) + soft + stroke("M84 34C74 44 70 54 70 66", c.light, 5) + band


BEHIND: dict[str, Callable[[Tones], str]] = {"cat ears": cat_ears, "rabbit ears": rabbit_ears, "horns": horns}
"""What the front of the hair covers at its base."""
SMALL: dict[str, Callable[[Tones], str]] = {
    "bow": bow, "hair pins": clips, "flower": flower, "headphones": headphones, "crown": crown, "halo": halo,
    "headband": headband,
}  # fmt: skip
HATS: dict[str, Callable[[Tones], str]] = {
    "beanie": beanie, "cap": cap, "witch hat": witch_hat, "straw hat": straw_hat, "beret": beret,
}  # fmt: skip
"""What covers the top of the hair."""
UNCOLOURED = ("none", "horns", "crown", "halo")


def glasses(name: str, side: int = 1) -> str:
    """Return glasses, or an eyepatch on the right eye."""
    frame = "#3a2a3c"
    if name == "round":
        return both(
            ellipse(158, 139, 25, 25, "#ffffff", frame, 4.4).replace("<ellipse", '<ellipse fill-opacity=".16"')
            + stroke("M183 136L194 132", frame, 4)
        ) + stroke("M133 136Q128 131 123 136", frame, 4.4)
    if name == "square":
        lens = '<rect x="133" y="119" width="50" height="39" rx="6" fill="#ffffff" fill-opacity=".16" stroke="#c8263c" stroke-width="4.8"/>'
        return both(lens + stroke("M184 132L194 130", "#c8263c", 4)) + stroke("M133 134H123", "#c8263c", 4.8)
    if name == "sunglasses":
        lens = shape("M131 122H186C188 142 180 160 160 160C142 160 133 146 131 122Z", "#23202c", "#0c0a12", 3.4)
        shine = stroke("M142 130L136 142M152 130L142 150", "#7f86a8", 3.6)
        return (
            both(lens)
            + both(stroke("M186 126L196 124", "#0c0a12", 4))
            + stroke("M131 125H125", "#0c0a12", 5)
            + group(shine, "translate(4 0)")
            + group(shine, "translate(-56 0)")
        )
    if name == "eyepatch":
        strap = stroke("M62 104L198 150", "#1c1822", 4.6) if side > 0 else ""
        patch = (
            shape(closed("134,122 158,114 182,124 182,146 160,164 138,150"), "#f7f5f2", "#8c86a0")
            if side == 0
            else shape(closed("133,124 158,115 183,126 181,148 160,165 137,150"), "#2b2633", "#0c0a12")
        )
        return strap + patch + stroke("M146 128L158 124", "#6a6478", 3)
    return ""


def earrings(name: str) -> str:
    """Return earrings at both ears."""
    if name == "hoops":
        return both(
            ellipse(194, 174, 10.5, 12.5, "none", "#8a5a10", 7.5) + ellipse(194, 174, 10.5, 12.5, "none", GOLD, 4.2)
        )
    if name == "gems":
        return both(
            ellipse(194, 160, 3.4, 3.4, GOLD, "#8a5a10", 1.6)
            + shape("M194 164L204 177L194 194L184 177Z", "#35d0e8", "#0d5a78", 2.8)
            + shape("M194 168L199 177L194 180L189 177Z", "#c9f6ff")
        )
    return ""
