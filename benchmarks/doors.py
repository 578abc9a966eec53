"""How much memory the largest input takes that a door accepts: of requests to a studio, and of files.

    python benchmarks/doors.py                 # every door
    python benchmarks/doors.py study pickle    # some

Each door gets a process of its own, which is used once for something small. Then its peak of resident memory is set
back (Linux: /proc/PID/clear_refs), the input is given, and what is told is the peak above what the process had before.
Where inputs may come many at once, as many are sent. One line is appended to results/doors.jsonl.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import pickle
import secrets
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from independent import record
from PIL import Image
from studio import Studio, studio

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))
from galleries import encode, png, recipe_json
from limner.drawing.resolve import find
from limner.studio.gallery import files
from limner.studio.gallery.recipe import checked, identity

SIDE = 4096
"""Of the largest picture that a gallery takes."""
PICTURES = 8
"""Of that size, at once."""
UPLOAD = (5000, 5000)
"""Of the largest picture that is uploaded, other than a JPEG."""
DRAW, KEEP, STUDIES = "/v1/images/generations", "/v1/gallery/pictures", "/v1/ratings/studies"


@dataclass
class Found:
    """What one door took."""

    sent: str
    """The input, in words."""
    answers: list[int | str]
    """Statuses, or what was raised; each kind once."""
    megabytes: float
    """The peak above what the process had before."""
    before: float
    """What it had before, in megabytes."""


def status(pid: int | str, field: str) -> float:
    """Return a figure of a process, VmRSS or VmHWM, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[field].split()[0]) / 1024


def peak(pid: int, act: Callable[[], list[Any]], sent: str) -> Found:
    """Do something, and return the peak of a process meanwhile."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = status(pid, "VmRSS")
    answers = sorted(set(act()))
    return Found(sent, answers, round(status(pid, "VmHWM") - before, 1), round(before, 1))


def flat(width: int, height: int, mode: str = "RGBA", form: str = "PNG") -> bytes:
    """Encode a picture of one colour, which takes few bytes and many pixels."""
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, form)
    return file.getvalue()


def in_base64(content: bytes) -> str:
    """Return text."""
    return base64.b64encode(content).decode()


@contextlib.contextmanager
def warm(*artists: str) -> Iterator[tuple[Studio, httpx.Client]]:
    """Open a studio that has drawn and kept one picture."""
    with studio(*artists) as server, httpx.Client(base_url=server.url, timeout=600) as http:
        for artist in artists:
            body = {"prompt": "a man", "model": artist, "response_format": "b64_json"}
            http.post(DRAW, json=body).raise_for_status()
        http.post(KEEP, json={"png": in_base64(png()), "keep": True}).raise_for_status()
        yield server, http


def at_once(count: int, send: Callable[[int], int]) -> list[int]:
    """Send as many requests at the same time."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(send, range(count)))


def draw() -> Found:
    """The most pictures of one request, as large as the artist draws, from a text of the greatest length."""
    with warm("avatars") as (server, http):
        prompt = ("a smiling woman with curly red hair " * 40)[:1000].strip()
        body = {"prompt": prompt, "n": 64, "size": "256x256", "response_format": "b64_json"}
        return peak(
            server.pid, lambda: [http.post(DRAW, json=body).status_code], "64 pictures of 256 x 256, 1,000 characters"
        )


def misspelt() -> Found:
    """A text of words that nobody knows."""
    with warm("avatars") as (server, http):
        words = " ".join(secrets.token_hex(6).translate(str.maketrans("0123456789", "ghijklmnop")) for _ in range(76))
        body = {"prompt": words[:1000], "response_format": "b64_json"}
        return peak(server.pid, lambda: [http.post(DRAW, json=body).status_code], "76 unknown words")


def upload() -> Found:
    """Pictures to be described or to be named, four at once, of which two are decoded at a time."""
    with warm("avatars") as (server, http):
        content = flat(*UPLOAD)
        paths = ("/v1/captions", "/v1/styles", "/v1/attributes")
        takes = [path for path in paths if http.post(path, content=flat(64, 64, "RGB")).status_code == 200]
        path = takes[0] if takes else paths[0]

        def send(_: int) -> int:
            return http.post(path, content=content).status_code

        return peak(server.pid, lambda: at_once(4, send), f"4 PNGs of 25 megapixels at once to {path}")


def picture() -> Found:
    """Pictures for the gallery, several at once."""
    with warm("avatars") as (server, http):
        image = Image.new("RGBA", (SIDE, SIDE))
        bodies = [{"png": in_base64(encode(image, recipe_json(seed=seed)))} for seed in range(PICTURES)]

        def send(number: int) -> int:
            return http.post(KEEP, json=bodies[number]).status_code

        return peak(server.pid, lambda: at_once(PICTURES, send), f"{PICTURES} pictures of {SIDE} x {SIDE} at once")


def study() -> Found:
    """A study with all the pixels that it may have."""
    with warm("avatars") as (server, http):
        side = in_base64(flat(2048, 2048, "RGB"))
        task = {"text": "a hat", "pictures": {name: side for name in "abcd"}}
        body = {"name": "doors", "pairs": False, "tasks": [task | {"text": f"a hat {n}"} for n in range(4)]}
        return peak(
            server.pid, lambda: [http.post(STUDIES, json=body).status_code], "16 pictures of 2048 x 2048 in 4 texts"
        )


def bodies() -> Found:
    """As many bytes at once as all bodies may have, 12 of 16 MB."""
    with warm("avatars") as (server, http):
        body = b'{"png": "' + b"A" * (16 * 2**20) + b'"}'

        def send(_: int) -> int:
            return http.post(KEEP, content=body, headers={"Content-Type": "application/json"}).status_code

        return peak(server.pid, lambda: at_once(12, send), "12 bodies of 16 MB at once")


def packed(count: int) -> bytes:
    """Make a zip of pictures of 64 x 64, as a gallery exports them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        lines = []
        for seed in range(count):
            recipe = recipe_json(seed=seed)
            name = identity(checked(recipe))
            target.writestr(f"pictures/{name}.png", png(seed=seed, side=64))
            lines.append(json.dumps({"id": name, "drawn_at": seed + 1, "kept_at": seed + 1, "recipe": recipe}))
        target.writestr(files.INDEX, "\n".join(lines))
    return file.getvalue()


def importing() -> Found:
    """A zip of many pictures."""
    with warm("avatars") as (server, http):
        content = packed(5_000)
        size = len(content) // 10**6
        return peak(
            server.pid,
            lambda: [http.post("/v1/gallery/import", content=content).status_code],
            f"a zip of 5,000 pictures, {size} MB",
        )


def exporting() -> Found:
    """A zip of a whole gallery, which is read as it comes."""
    with warm("avatars") as (server, http):
        http.post("/v1/gallery/import", content=packed(5_000)).raise_for_status()

        def read() -> list[int]:
            with http.stream("GET", "/v1/gallery/export") as answer:
                for _ in answer.iter_bytes():
                    pass
                return [answer.status_code]

        return peak(server.pid, read, "5,000 pictures")


ALONE = """
import sys
from pathlib import Path
from limner.errors import UserError

def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[field].split()[0]) / 1024

{prepare}
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
try:
    {act}
    told = "taken"
except (UserError, ValueError) as error:
    told = type(error).__name__
print(told, round(status("VmHWM") - before, 1), round(before, 1))
"""


def alone(prepare: str, act: str, sent: str, *arguments: str | Path) -> Found:
    """Run something in an interpreter of its own."""
    code = ALONE.format(prepare=prepare, act=act)
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    told, megabytes, before = run.stdout.split()[-3:]
    return Found(sent, [told], float(megabytes), float(before))


def checkpoint() -> Found:
    """A checkpoint without its critic, whose record asks for the widest one that is taken, found by halving."""
    low, high, best = 256, 4096, None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "avatars"
        save = "import sys; import limner; from limner import checkpoint as c; a = limner.load('avatars', device='cpu')"
        save += "; c.save(a.system, sys.argv[1], half=True, omit=['critic'])"
        subprocess.run([sys.executable, "-c", save, str(place)], check=True)
        about = json.loads((place / "system.json").read_text())
        while high - low > 256:
            middle = (low + high) // 2
            about["config"]["critic_widths"] = [middle] * 4
            (place / "system.json").write_text(json.dumps(about))
            size = sum(file.stat().st_size for file in place.iterdir()) / 1e6
            words = f"avatars without its critic, {size:.0f} MB, critic_widths={middle}"
            prepare = "from limner import checkpoint; import torch; checkpoint.open(sys.argv[2])"
            found = alone(prepare, "checkpoint.open(sys.argv[1])", words, place, find("avatars"))
            if found.answers == ["taken"]:
                low, best = middle, found
            else:
                high = middle
    assert best is not None, "no width was taken"
    return best


def pickled() -> Found:
    """A pickle of a data set: an array of 256 MB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.pickle"
        path.write_bytes(pickle.dumps(np.zeros(2**25), protocol=2))
        prepare = "from limner.data.importers.unpickle import unpickle"
        return alone(prepare, "unpickle(Path(sys.argv[1]))", f"an array, {path.stat().st_size / 1e6:.0f} MB", path)


def file() -> Found:
    """A picture of a data set with all the pixels that it may have."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.png"
        path.write_bytes(flat(7071, 7071))
        prepare = "from limner import pictures; content = Path(sys.argv[1]).read_bytes()"
        return alone(prepare, "pictures.load(content, 64)", "a PNG of 50 megapixels, RGBA", path)


def many() -> Found:
    """A command that draws very many pictures."""
    with tempfile.TemporaryDirectory() as folder:
        prepare = "from limner import cli; import os; os.chdir(sys.argv[1]); cli.main(['draw', 'a man', '-o', 'a'])"
        act = "assert cli.main(['draw', 'a man', '-n', '1000', '-o', 'b']) == 0"
        return alone(prepare, act, "limner draw -n 1000", folder)


DOORS: dict[str, Callable[[], Found]] = {
    "draw": draw,
    "misspelt": misspelt,
    "upload": upload,
    "picture": picture,
    "study": study,
    "bodies": bodies,
    "import": importing,
    "export": exporting,
    "checkpoint": checkpoint,
    "pickle": pickled,
    "file": file,
    "many": many,
}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("doors", nargs="*", choices=[*DOORS, []], help="which; all where none is named")
    options = parser.parse_args()
    for name in options.doors or DOORS:
        found = vars(DOORS[name]())
        print(json.dumps({"door": name} | found), flush=True)
        record("doors", door=name, **found)


if __name__ == "__main__":
    main()
