"""Procedural data sets with exact ground truth: nothing to download, unlimited, free to ship."""

WORLDS = ("avatars", "characters", "clevr", "layouts", "placed")
"""The worlds that can be built; each is a module of this package with a function ``build``."""
