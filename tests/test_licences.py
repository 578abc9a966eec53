"""What others wrote and we pass on: the texts of its licences go wherever it goes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from house_rules import PACKAGE, ROOT
from limner.export import runtime
from limner.studio import page_files

VENDOR = PACKAGE / "studio" / "page" / "vendor"
BEGINS = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "TERMS AND CONDITIONS FOR USE"}
"""What a licence's text says and a mention of it does not."""


def named(path: Path) -> dict[str, str]:
    """Licences by package, as the head of a vendored file names them."""
    head = path.read_text(encoding="utf-8")[:300].split("*/")[0]
    pairs = re.findall(r"(MIT|Apache-2\.0) \((\w+)\)", head)
    return {package: licence for licence, package in pairs} or {path.stem: re.findall("MIT|Apache-2.0", head)[0]}


def test_every_vendored_file_has_the_text_of_its_licences() -> None:
    files = sorted(VENDOR.glob("*.js"))
    assert len(files) >= 3
    found = {package: licence for path in files for package, licence in named(path).items()}
    assert found == {"fflate": "MIT", "gifenc": "MIT", "preact": "MIT", "htm": "Apache-2.0"}
    for package, licence in found.items():
        text = (VENDOR / "licences" / f"{package}.txt").read_text(encoding="utf-8")
        assert BEGINS[licence] in text and "opyright" in text, package


def test_the_texts_are_in_the_wheel_on_the_page_and_in_exports() -> None:
    texts = {path.name for path in (VENDOR / "licences").iterdir()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {path.name for pattern in project["license-files"] for path in ROOT.glob(pattern)} == texts | {"LICENSE"}
    assert project["license"] == "MIT AND Apache-2.0"
    assert {f"vendor/licences/{name}" for name in texts} <= page_files.read().keys()
    assert BEGINS["MIT"] in runtime.README and "Microsoft" in runtime.README
