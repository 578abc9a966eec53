"""What a dataclass of settings declares in its source: its fields, and the docstrings under them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from itertools import pairwise


def docstrings(kind: type) -> dict[str, str]:
    """Return the docstring under each field of a dataclass."""
    told: dict[str, str] = {}
    for declared in [part for part in reversed(kind.__mro__) if dataclasses.is_dataclass(part)]:
        (node,) = ast.parse(inspect.getsource(declared)).body
        assert isinstance(node, ast.ClassDef)
        for field, after in pairwise(node.body):
            if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
                told[ast.unparse(field.target)] = " ".join(ast.literal_eval(after.value).split())
    return told


def documented(node: ast.ClassDef) -> Iterator[str]:
    """Yield the names of fields that a string follows."""
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        says = (
            isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        )
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and says:
            yield field.target.id
