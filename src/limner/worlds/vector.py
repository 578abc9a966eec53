"""SVG documents to pixels, by resvg: the same bytes everywhere for one version of it."""

from __future__ import annotations

import importlib.util
import io

import numpy as np
from PIL import Image

from limner.errors import UserError


def need_rasteriser() -> None:
    """Raise a UserError where what draws is not installed."""
    if importlib.util.find_spec("resvg_py") is None:
        raise UserError('this world is drawn by resvg-py: pip install "limner[worlds]"')


def rasterise(svg: str, size: int) -> np.ndarray:
    """Draw an SVG document at ``size`` x ``size``; return uint8 (size, size, 4), straight alpha."""
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return np.asarray(Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA"))
