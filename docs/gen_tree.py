"""Writes the tree of the package into docs/design.md, from the first line of each docstring.

    python docs/gen_tree.py          # rewrites what stands between the markers

It shows every folder and the modules at the top; the API reference lists the others. A test says when it is stale.
"""

import ast
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "limner"
PAGE = ROOT / "docs" / "design.md"
BEGIN, END = "<!-- tree: python docs/gen_tree.py -->\n", "<!-- /tree -->"
WIDTH, INDENT, COLUMN = 118, 2, 22

NO_PYTHON = {
    "checkpoints": "Small trained systems that ship with the package.",
    "evaluation/judges": "Judges that ship with the package.",
    "studio/page": "The studio's page: HTML, CSS and JavaScript without a build step.",
}
"""Folders that hold no module, and so no docstring."""


def first_line(module: Path) -> str:
    """Return the first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def entries(folder: Path, depth: int = 1) -> list[str]:
    """Return a line for each package below `folder`, packages within it after it; at the top for each module, too."""
    found: dict[str, list[str]] = {}
    for path in folder.iterdir():
        name, within = path.name, path.relative_to(PACKAGE).as_posix()
        if name.startswith(("_", ".")):
            continue
        if (path / "__init__.py").is_file():
            found[name] = [line(f"{name}/", first_line(path / "__init__.py"), depth), *entries(path, depth + 1)]
        elif within in NO_PYTHON:
            found[name] = [line(f"{name}/", NO_PYTHON[within], depth)]
        elif depth == 1 and path.suffix == ".py":
            found[name] = [line(name, first_line(path), depth)]
    ordered = sorted(found, key=lambda name: (not name.endswith(".py"), name))
    return [one for name in ordered for one in found[name]]


def line(name: str, says: str, depth: int) -> str:
    """Return a line of the tree, wrapped under its own column."""
    head = f"{' ' * INDENT * depth}{name}".ljust(COLUMN)
    return textwrap.fill(says, WIDTH, initial_indent=head + " ", subsequent_indent=" " * (COLUMN + 1))


def tree() -> str:
    """Return the tree as a block of the page."""
    return "\n".join(["```", "src/limner/", *entries(PACKAGE), "```", ""])


def rewritten(page: str) -> str:
    """Return the page with today's tree between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE} has no {BEGIN.strip()} ... {END}"
    return before + BEGIN + tree() + END + after


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
