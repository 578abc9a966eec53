"""Pictures in the terminal: kitty's and iTerm2's protocols where they are spoken, coloured half blocks elsewhere."""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
from collections.abc import Mapping

import numpy as np
from PIL import Image

CHUNK = 4096
"""Characters of base64 in one piece of kitty's protocol."""


def show(image: Image.Image) -> None:
    """Print a picture on stdout, if that is a terminal which can show one."""
    how = protocol(os.environ, sys.stdout.isatty())
    if how:
        print({"kitty": kitty, "iterm": iterm, "blocks": blocks}[how](image), flush=True)


def protocol(environment: Mapping[str, str], is_terminal: bool) -> str | None:
    """Return which protocol the terminal speaks: "kitty", "iterm", "blocks", or None where pictures have no place."""
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if not is_terminal or terminal in ("", "dumb") or "NO_COLOR" in environment:
        return None
    multiplexed = "TMUX" in environment or terminal.startswith(("screen", "tmux"))  # these swallow both protocols
    if not multiplexed and ("KITTY_WINDOW_ID" in environment or "kitty" in terminal or program == "ghostty"):
        return "kitty"
    if not multiplexed and (program in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2"):
        return "iterm"
    return "blocks"


def kitty(image: Image.Image) -> str:
    """Encode in kitty's graphics protocol: PNG (f=100), shown at once (a=T), in pieces (m=1 where more follow)."""
    data = _png(image)
    pieces = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)]
    return "".join(
        f"\x1b_G{'a=T,f=100,' if i == 0 else ''}m={int(i + 1 < len(pieces))};{piece}\x1b\\"
        for i, piece in enumerate(pieces)
    )


def iterm(image: Image.Image) -> str:
    """Encode in iTerm2's inline image protocol."""
    return f"\x1b]1337;File=inline=1;width={image.width}px:{_png(image)}\a"


def blocks(image: Image.Image, columns: int | None = None) -> str:
    """Paint with upper half blocks, two pixels a character, at most `columns` wide (the terminal's by default)."""
    columns = columns or shutil.get_terminal_size().columns
    width = min(image.width, columns)
    height = max(2 * round(image.height * width / image.width / 2), 2)
    pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    lines = []
    for y in range(0, height, 2):
        cells = []
        for x in range(width):
            upper, lower = (";".join(map(str, pixels[row, x])) for row in (y, y + 1))
            cells.append(f"\x1b[38;2;{upper}m\x1b[48;2;{lower}m\u2580")
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
