"""The page on the design shows the package as it is."""

import sys

from house_rules import ROOT

sys.path.insert(0, str(ROOT / "docs"))
try:
    import gen_tree
finally:
    sys.path.pop(0)


def test_the_tree_is_that_of_today() -> None:
    page = gen_tree.PAGE.read_text(encoding="utf-8")
    assert gen_tree.rewritten(page) == page, "run: python docs/gen_tree.py"


def test_every_folder_is_in_it_and_says_what_it_holds() -> None:
    lines = gen_tree.tree().splitlines()
    folders = [path.parent for path in gen_tree.PACKAGE.rglob("__init__.py") if path.parent != gen_tree.PACKAGE]
    shown = [line.split()[0] for line in lines if line.split()[0].endswith("/")]
    assert len(shown) == 1 + len([f for f in folders if not f.name.startswith("_")]) + len(gen_tree.NO_PYTHON)
    silent = [line for line in lines[2:-1] if not line[gen_tree.COLUMN :].strip()]
    assert not silent, f"no docstring: {silent}"
