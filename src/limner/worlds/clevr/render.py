"""Path-traced pictures of the clevr world's scenes, and which pixel shows which thing.

Mitsuba 3 (Jakob et al. 2022) on the CPU, one thread a process: `build` has a process for each core.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from limner.errors import UserError
from limner.worlds.clevr.scenes import COLOURS, Thing

SAMPLES, DEPTH = 25, 3  # paths a pixel, and their edges: the ground, what it reflects, and the light


@functools.cache
def mitsuba() -> Any:
    """Return Mitsuba, ready.

    Raises:
        UserError: it is not installed.
    """
    try:
        import drjit
        import mitsuba as mi
    except ImportError:
        raise UserError('the clevr world is drawn by mitsuba: pip install "limner[worlds]"') from None
    mi.set_variant("scalar_rgb")
    mi.set_log_level(mi.LogLevel.Error)
    drjit.set_thread_count(1)
    return mi


def render(things: Sequence[Thing], size: int, seed: int) -> np.ndarray:
    """Return a picture of the things: uint8 (S, S, 3)."""
    mi = mitsuba()
    sampler = {"type": "multijitter", "sample_count": SAMPLES}
    # Random numbers are drawn by block, and Mitsuba would choose its size by the number of threads.
    scene = mi.load_dict(_scene(things, size, sampler, {"type": "path", "max_depth": DEPTH, "block_size": 32}))
    light = np.clip(np.array(mi.render(scene, seed=seed)), 0, 1)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # sRGB
    return (shown * 255 + 0.5).astype(np.uint8)


def seen(things: Sequence[Thing], size: int) -> np.ndarray:
    """Return which pixels show which of K things, nearer ones hiding others: bool (K, S, S)."""
    mi = mitsuba()
    scene = mi.load_dict(
        _scene(things, size, {"type": "independent", "sample_count": 1}, {"type": "aov", "aovs": "i:shape_index"})
    )
    # One ray goes through each pixel. Shapes are counted from 1, 0 is none; they are named after their thing.
    found = np.array(mi.render(scene, seed=0))[..., 0].round().astype(int)
    names = [shape.id().split("_") for shape in scene.shapes()]
    owners = np.array([-1, *(int(name[1]) if name[0] == "thing" else -1 for name in names)])
    return owners[found] == np.arange(len(things))[:, None, None]


def _scene(things: Sequence[Thing], size: int, sampler: dict[str, Any], integrator: dict[str, Any]) -> dict[str, Any]:
    mi = mitsuba()
    move = mi.ScalarTransform4f
    eye = move().look_at(origin=[0, -9.5, 8.5], target=[0, -0.35, 0.2], up=[0, 0, 1])
    film = {"type": "hdrfilm", "width": size, "height": size, "rfilter": {"type": "box"}, "pixel_format": "rgb"}
    scene = {
        "type": "scene",
        "integrator": integrator,
        "camera": {"type": "perspective", "fov": 31, "to_world": eye, "film": film, "sampler": sampler},
        "sky": {"type": "constant", "radiance": 0.7},
        "key": _lamp([-6, -5, 10], 2.6, 4.6),
        "fill": _lamp([8, -4, 7], 2.2, 1.6),
        "ground": {
            "type": "rectangle",
            "to_world": move().scale(60),
            "bsdf": {"type": "diffuse", "reflectance": 0.42},
        },
    }
    for number, thing in enumerate(things):
        scene |= {f"thing_{number}_{part}": shape for part, shape in _shapes(thing).items()}
    return scene


def _lamp(centre: list[float], radius: float, radiance: float) -> dict[str, Any]:
    emitter = {"type": "area", "radiance": radiance}
    return {"type": "sphere", "center": centre, "radius": radius, "emitter": emitter}


def _shapes(thing: Thing) -> dict[str, Any]:
    move, r = mitsuba().ScalarTransform4f, thing.radius
    surface = {"bsdf": {"type": "twosided", "inside": _surface(thing)}}
    if thing.shape == "sphere":
        return {"ball": {"type": "sphere", "center": [thing.x, thing.y, r], "radius": r} | surface}
    if thing.shape == "cube":
        put = move().translate([thing.x, thing.y, r]).rotate([0, 0, 1], thing.turned).scale(r)
        return {"box": {"type": "cube", "to_world": put} | surface}
    top = [thing.x, thing.y, 2 * r]
    return {
        "wall": {"type": "cylinder", "p0": [thing.x, thing.y, 0], "p1": top, "radius": r} | surface,
        "lid": {"type": "disk", "to_world": move().translate(top).scale(r)} | surface,
    }


def _surface(thing: Thing) -> dict[str, Any]:
    share = np.array(COLOURS[thing.colour]) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4).tolist()
    metal = thing.material == "metal"
    return {
        "type": "principled",
        "base_color": {"type": "rgb", "value": linear},
        "metallic": float(metal),
        "roughness": 0.22 if metal else 0.7,
    }
