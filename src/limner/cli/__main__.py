"""`python -m limner.cli` is `limner`."""

from limner.cli import program

program()
