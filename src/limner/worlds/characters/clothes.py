"""Clothes: shoulders and chest, below the head. The neck is skin; everything below it is dressed."""

from __future__ import annotations

from collections.abc import Callable

from limner.worlds.characters.palette import GOLD, Tones, mix, tones
from limner.worlds.characters.pen import both, closed, ellipse, group, line, puffs, shape, star, stroke, symmetric

_TORSO = "128,202 148,204 174,212 194,228 204,262 !208,310 128,310"
_WHITE = tones("#ffffff")
_NAVY = tones("#3c4a80")


def neck(skin: Tones) -> str:
    """Return the neck, with the shadow of the head."""
    path = "M112 172V202C112 214 144 214 144 202V172Z"
    return shape(path, skin.base, skin.line) + shape("M113.5 172H142.5V196Q128 208 113.5 196Z", skin.shade)


def _torso(c: Tones) -> str:
    arms = stroke("M176 240C174 256 173 280 173 300", c.shade, 4)
    return shape(symmetric(_TORSO), c.base, c.line) + both(arms)


def _collar_of(c: Tones) -> Tones:
    """Return tones for a collar that can be told from the cloth: white, or navy on white."""
    return _NAVY if c.base == "#f7f7fb" else _WHITE


def sailor(c: Tones, skin: Tones) -> str:
    """Return a school uniform with a sailor collar and a knot."""
    k = _collar_of(c)
    throat = shape("M112 198L128 232L144 198Z", skin.base)
    flap = closed("!142,196 164,206 !186,222 !166,240 148,238 !128,234")
    stripe = stroke("M178 222L164 233L146 231", c.base if k is _WHITE else "#ffffff", 3)
    knot_c = tones(mix(c.base, "#1b1030", 0.35)) if k is _WHITE else tones("#df3b43")
    loop = closed("!128,238 144,230 !160,228 158,244 !128,242")
    tail = closed("!126,240 136,254 !148,276 !130,268")
    knot = both(shape(tail, knot_c.base, knot_c.line, 2.6) + shape(loop, knot_c.base, knot_c.line, 2.6))
    return (
        _torso(c)
        + throat
        + both(shape(flap, k.base, k.line, 2.8) + stripe)
        + knot
        + ellipse(128, 239, 6, 6, knot_c.light, knot_c.line, 2.4)
    )


def blazer(c: Tones, skin: Tones) -> str:
    """Return a blazer over a shirt with a tie."""
    tie = tones("#3c4a80" if c.base in ("#df3b43", "#f58b2e", "#f98fbd", "#8f58cf") else "#d23a48")
    shirt = shape("M108 200L128 290L148 200Q128 216 108 200Z", "#ffffff", "#8287a6", 2.4)
    collar = both(shape("M144 196L160 206L146 224L128 212Z", "#ffffff", "#8287a6", 2.6))
    knot = shape("M120 214H136L133 226H123Z", tie.base, tie.line, 2.4) + shape(
        "M123 226H133L140 276H116Z", tie.base, tie.line, 2.4
    )
    lapel = both(shape("M152 200L176 220L160 234L166 242L136 290L128 290L150 222Z", c.shade, c.line, 3))
    return _torso(c) + shirt + knot + lapel + collar


def hoodie(c: Tones, skin: Tones) -> str:
    """Return a hoodie: the hood lies round the neck, strings hang down."""
    hood = shape(symmetric("128,190 150,188 178,192 190,208 176,226 150,230 128,238"), c.base, c.line)
    inner = shape(symmetric("128,194 146,194 158,202 148,214 128,222"), c.shade, c.line, 2.6)
    throat = shape("M114 196H142V203Q128 213 114 203Z", skin.shade)
    strings = both(
        stroke("M142 222V250", "#ffffff" if c is not tones("#f7f7fb") else "#5d6282", 4)
        + ellipse(142, 254, 3.2, 4.4, "#ffffff", "#8287a6", 1.6)
    )
    return _torso(c) + hood + inner + throat + strings


def t_shirt(c: Tones, skin: Tones) -> str:
    """Return a T-shirt with a star on it."""
    neckline = shape("M108 198Q128 228 148 198L142 194H114Z", skin.base) + stroke(
        "M107 201Q128 232 149 201", c.shade, 5.5
    )
    print_ = shape(star(128, 243, 16), "#ffffff" if c.base not in ("#f7f7fb", "#fbd544") else "#3c4a80", c.line, 2)
    sleeves = both(stroke("M178 262L206 254", c.line, 2.8))
    return _torso(c) + neckline + print_ + sleeves


def sweater(c: Tones, skin: Tones) -> str:
    """Return a knitted sweater with a turtleneck."""
    roll = shape(symmetric("128,178 146,180 153,192 152,208 128,214"), c.base, c.line)
    ribs = stroke("M112 186V206M120 187V210M128 188V211M136 187V210M144 186V206", c.shade, 2.8)
    knit = "".join(f"M{x} {y}l6 6l6 -6" for y in (228, 242) for x in (86, 98, 110, 122, 134, 146, 158))
    return _torso(c) + stroke(knit, c.shade, 3.4) + roll + ribs


def dress(c: Tones, skin: Tones) -> str:
    """Return a dress with puffed sleeves and a round white collar."""
    k = _collar_of(c)
    sleeves = both(
        ellipse(183, 230, 25, 21, c.base, c.line)
        + stroke("M170 220q4 10 2 22M184 214q4 14 1 30M197 222q0 10 -5 20", c.shade, 2.6)
    )
    bodice = shape(symmetric("128,202 150,204 168,214 166,246 !160,310 128,310"), c.base, c.line)
    collar = both(shape(closed("!128,212 !144,196 162,204 160,222 !128,226"), k.base, k.line, 2.8))
    frill = puffs("98,250 108,254 118,256 128,257 138,256 148,254 158,250", 7, k.base, k.line, 2.2)
    return (
        bodice
        + sleeves
        + frill
        + collar
        + shape(star(128, 222, 0.1), c.base)
        + ellipse(128, 222, 5, 5, c.light, c.line, 2.2)
    )


def kimono(c: Tones, skin: Tones) -> str:
    """Return a kimono, left side over right as it is worn, with a sash."""
    sash = tones("#fbd544" if c.base not in ("#fbd544", "#f58b2e") else "#8f58cf")
    throat = shape("M112 198L128 226L144 198Z", skin.base)
    blossoms = "".join(
        group(
            "".join(
                ellipse(0, -4.6, 3.3, 4.2, c.light).replace("<ellipse", f'<ellipse transform="rotate({72 * k})"')
                for k in range(5)
            )
            + ellipse(0, 0, 2.2, 2.2, c.line),
            f"translate({x} {y})",
        )
        for x, y in ((88, 234), (170, 232), (182, 252), (76, 256))
    )
    under = (
        stroke("M108 196L140 240", "#ffffff", 12)
        + stroke("M101 198L142 252", c.line, 13)
        + stroke("M101 198L142 252", c.shade, 9)
    )
    upper = (
        stroke("M148 196L118 240", "#ffffff", 12)
        + stroke("M155 198L110 262", c.line, 13)
        + stroke("M155 198L110 262", c.shade, 9)
    )
    belt = shape("M84 252Q128 262 172 252V300H84Z", sash.base, sash.line) + stroke(
        "M86 266Q128 276 170 266", sash.shade, 3
    )
    return _torso(c) + blossoms + throat + under + upper + belt


def jacket(c: Tones, skin: Tones) -> str:
    """Return an open jacket with a raised collar over a white shirt."""
    shirt = shape("M104 200Q128 222 152 200V300H104Z", "#ffffff", "#8287a6", 2.4) + shape(
        "M112 196Q128 222 144 196Z", skin.base
    )
    front = both(
        shape(closed("!150,198 172,210 196,228 206,262 !210,310 !150,310 146,260"), c.base, c.line)
        + stroke("M149 216C145 240 147 270 148 300", "#c3cad6", 4)
        + stroke("M180 240C177 260 177 280 177 300", c.shade, 4)
    )
    collar = both(shape(closed("!140,186 160,188 178,206 !172,224 156,222 !146,212"), c.shade, c.line))
    pocket = both(stroke("M158 256L170 250", c.line, 3.4))
    return _torso(c) + shirt + front + collar + pocket


def armour(c: Tones, skin: Tones) -> str:
    """Return plate armour: breastplate, pauldrons, gorget."""
    metal = tones(mix(c.base, "#c3cad6", 0.22))
    plate = shape(symmetric("128,206 152,208 166,224 168,256 !160,310 128,310"), metal.base, metal.line) + stroke(
        "M128 216V300", metal.shade, 3.6
    )
    shine = stroke("M108 226C104 238 104 252 108 268", "#ffffff", 5.5)
    pauldron = (
        shape(closed("!158,212 176,200 200,206 214,230 !212,256 190,250 !166,246"), metal.base, metal.line)
        + stroke("M164 228C180 222 198 226 210 240", metal.line, 2.8)
        + stroke("M176 211C188 207 198 212 203 220", "#ffffff", 4.5)
        + ellipse(172, 238, 3.4, 3.4, GOLD, "#8a5a10", 1.6)
    )
    gorget = shape(symmetric("128,198 146,192 158,198 156,216 128,228"), metal.shade, metal.line) + stroke(
        "M104 206Q128 226 152 206", GOLD, 4
    )
    gem = shape("M128 236l9 11l-9 13l-9 -13Z", GOLD, "#8a5a10", 2.4)
    return plate + shine + both(pauldron) + gorget + gem


def overalls(c: Tones, skin: Tones) -> str:
    """Return overalls with straps over a striped shirt."""
    k = _WHITE if c.base != "#f7f7fb" else tones("#9ab6e8")
    shirt = shape(symmetric(_TORSO), k.base, "#8287a6")
    stripes = stroke(
        "M84 222Q128 236 172 222M68 240Q128 254 188 240M62 258Q128 270 194 258", mix(k.shade, "#7f86a8", 0.25), 5
    )
    neckline = shape("M110 198Q128 222 146 198L142 194H114Z", skin.base) + stroke(
        "M109 200Q128 226 147 200", "#8287a6", 3.4
    )
    bib = shape("M100 236Q128 242 156 236L160 310H96Z", c.base, c.line) + stroke("M114 256H142V270H114Z", c.shade, 3)
    straps = both(
        shape("M146 206L160 209L157 246L144 246Z", c.base, c.line) + ellipse(150, 242, 5, 5, GOLD, "#8a5a10", 2)
    )
    return shirt + stripes + neckline + bib + straps


def cloak(c: Tones, skin: Tones) -> str:
    """Return a cloak with a high collar and a clasp."""
    inside = shape("M100 204H156L150 300H106Z", mix(c.shade, "#1a1024", 0.55))
    drape = both(
        shape(closed("!144,202 178,206 206,226 220,264 !224,310 !158,310 150,256"), c.base, c.line)
        + stroke("M168 222C176 246 178 270 178 300M190 226C200 250 202 276 202 300", c.shade, 4)
    )
    collar = both(shape(closed("!134,214 152,206 164,180 !190,172 190,200 178,222 150,228"), c.shade, c.line))
    clasp = ellipse(128, 220, 10, 10, GOLD, "#8a5a10", 2.8) + ellipse(125, 217, 3, 3, "#ffffff")
    return _torso(c) + inside + drape + collar + clasp


def winter_coat(c: Tones, skin: Tones) -> str:
    """Return a coat with a collar of fur."""
    fur = "72,216 86,208 100,204 114,208 128,214 142,208 156,204 170,208 184,216 164,222 146,224 128,228 110,224 92,222"
    front = stroke("M128 226V300", c.line, 3.2) + "".join(
        ellipse(142, y, 4.6, 4.6, GOLD, "#8a5a10", 1.8) for y in (246, 264)
    )
    return _torso(c) + front + puffs(fur, 14, "#fff8ea", "#b9a68c", 2.6)


def waistcoat(c: Tones, skin: Tones) -> str:
    """Return a waistcoat over a shirt with a bow tie."""
    shirt = shape(symmetric(_TORSO), "#ffffff", "#8287a6") + both(
        stroke("M178 238C176 256 175 280 175 300", "#c8cce0", 4)
    )
    vest = both(shape("M150 206L170 212L166 310H128V262Z", c.base, c.line)) + "".join(
        ellipse(128, y, 3.8, 3.8, GOLD, "#8a5a10", 1.8) for y in (270, 284)
    )
    collar = both(shape("M140 194L156 204L146 220L128 212Z", "#ffffff", "#8287a6", 2.6))
    bow = both(shape(closed("!128,218 142,208 !156,206 156,230 142,228"), c.base, c.line, 2.8)) + ellipse(
        128, 219, 5.5, 6.5, c.shade, c.line, 2.6
    )
    return shirt + vest + collar + bow


CLOTHES: dict[str, Callable[[Tones, Tones], str]] = {
    "sailor uniform": sailor,
    "blazer": blazer,
    "hoodie": hoodie,
    "t-shirt": t_shirt,
    "sweater": sweater,
    "dress": dress,
    "kimono": kimono,
    "jacket": jacket,
    "armour": armour,
    "overalls": overalls,
    "cloak": cloak,
    "winter coat": winter_coat,
    "waistcoat": waistcoat,
}
"""What is worn, by its name; each drawing takes the tones of cloth and skin."""


def scarf(c: Tones) -> str:
    """Return a scarf round the neck with one end hanging."""
    end = shape(closed("!146,212 168,210 174,236 !176,262 !152,264 150,236"), c.base, c.line) + stroke(
        "M152 248H174", c.shade, 5
    )
    wrap = shape(symmetric("128,188 156,186 174,196 172,212 152,222 128,224"), c.base, c.line)
    return (
        end
        + wrap
        + stroke(line("90,202 112,212 144,212 166,202"), c.shade, 4)
        + stroke("M96 192L104 214M152 214L160 192", c.shade, 3)
    )


def necklace() -> str:
    """Return a necklace of large beads."""
    beads = ((98, 212), (106, 223), (116, 231), (128, 234), (140, 231), (150, 223), (158, 212))
    return "".join(
        ellipse(x, y, 6.6, 6.6, GOLD, "#8a5a10", 2) + ellipse(x - 2, y - 2, 1.8, 1.8, "#ffffff") for x, y in beads
    )
