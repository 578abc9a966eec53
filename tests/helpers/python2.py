"""Writes pickles as Python 2 wrote them in 2016: text as byte strings, numpy under `numpy.core`."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


class Name(str):
    """A global, as "module name"."""


def dumps(value: Any, protocol: int = 2) -> bytes:
    """Return the pickle of lists, tuples, dicts, text (latin-1), whole numbers and arrays; protocol 0 or 2."""
    return (b"\x80\x02" if protocol else b"") + _Writer(protocol).of(value) + b"."


class _Writer:
    def __init__(self, protocol: int) -> None:
        self.binary, self.puts = bool(protocol), 0

    def of(self, value: Any) -> bytes:
        if isinstance(value, Name):
            return b"c" + value.replace(" ", "\n").encode() + b"\n" + self.put()
        if isinstance(value, str):
            return self.text(value.encode("latin-1")) + self.put()
        if value is None or isinstance(value, bool):
            return {
                None: b"N",
                True: b"\x88" if self.binary else b"I01\n",
                False: b"\x89" if self.binary else b"I00\n",
            }[value]
        if isinstance(value, int):
            return self.number(value)
        if isinstance(value, list):
            body = [self.of(one) for one in value]
            if self.binary:
                return b"]" + self.put() + b"(" + b"".join(body) + b"e"
            return b"(l" + self.put() + b"".join(one + b"a" for one in body)
        if isinstance(value, dict):
            body = [self.of(key) + self.of(one) for key, one in value.items()]
            if self.binary:
                return b"}" + self.put() + b"(" + b"".join(body) + b"u"
            return b"(d" + self.put() + b"".join(one + b"s" for one in body)
        if isinstance(value, tuple):
            return b"(" + b"".join(self.of(one) for one in value) + b"t" + self.put()
        assert isinstance(value, np.ndarray)
        return self.array(value)

    def array(self, value: np.ndarray) -> bytes:
        objects = value.dtype == object
        kind = "O8" if objects else value.dtype.str[1:]
        blank = self.reduced(Name("numpy.core.multiarray _reconstruct"), (Name("numpy ndarray"), (0,), "b"))
        made = self.reduced(Name("numpy dtype"), (kind, 0, 1))
        order = self.of((3, value.dtype.str[0], None, None, None, -1, -1, 0)) + b"b"
        shape, raw = self.of(value.shape), value.ravel().tolist() if objects else value.tobytes().decode("latin-1")
        state = b"(" + self.number(1) + shape + made + order + self.of(False) + self.of(raw) + b"t" + self.put()
        return blank + state + b"b"

    def reduced(self, name: Name, arguments: tuple[Any, ...]) -> bytes:
        return self.of(name) + self.of(arguments) + b"R" + self.put()

    def put(self) -> bytes:
        self.puts += 1
        if self.binary:
            return b"q" + bytes([self.puts]) if self.puts < 256 else b"r" + struct.pack("<I", self.puts)
        return b"p%d\n" % self.puts

    def text(self, raw: bytes) -> bytes:
        if not self.binary:
            return b"S" + repr(raw)[1:].encode() + b"\n"
        return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw

    def number(self, value: int) -> bytes:
        if not self.binary:
            return b"I%d\n" % value
        return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)
