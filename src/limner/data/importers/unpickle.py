"""Reads pickles of lists, tuples, dicts, strings, bytes, numbers and numpy arrays, and of nothing else.

A pickle is a program for a small stack machine, and Python's own reader calls whatever function that program names.
The machine here calls nothing: it knows the instructions that build plain values, and the few names under which
numpy writes arrays, which it takes as descriptions ("these bytes, of this kind and shape"). All else is refused,
by name. The standard library's `pickletools` takes the instructions apart; it makes only strings and numbers. Keys of
dicts are flat, since hashing or printing a short nest of tuples can take for ever.

Python 2's strings become text with one character a byte (latin-1). Nothing that a file claims is believed before the
bytes are there, so a short file cannot ask for much memory.

A .npy file of numpy may hold a pickle too: an array of objects is one, and so is a dict that `numpy.save` was given.
"""

from __future__ import annotations

import codecs
import io
import itertools
import math
import pickletools
import re
import reprlib
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from limner.errors import UserError

_LARGEST_FILE = 4 << 30
_MOST_INSTRUCTIONS = 20_000_000
"""Each makes at most an empty dict: some 70 bytes. The captions of COCO, a word a number, take about half of these."""
_INSTRUCTIONS = {known.code: known for known in pickletools.opcodes}
_PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None), np.ndarray})
_KEYS = frozenset({str, bytes, int, float, bool, type(None)})
_MOST_AXES = 32
"""Of an array: numpy's own limit before version 2."""
_NUMBERS = re.compile(r"\?|[biufc]\d{1,2}|[SU]\d{1,6}")
_OBJECTS = ("O", "O4", "O8")

# What the names that numpy and Python write stand for. Older numpy says `core`, newer `_core`.
_MODULES = [f"numpy.{core}" for core in ("core", "_core")]
_KNOWN = {
    "numpy.ndarray": "class",
    "numpy.dtype": "kind",
    **{f"{module}.multiarray._reconstruct": "blank" for module in _MODULES},
    **{f"{module}.multiarray.scalar": "scalar" for module in _MODULES},
    **{f"{module}.numeric._frombuffer": "filled" for module in _MODULES},
    "_codecs.encode": "bytes",  # Python 3 writes bytes so for Python 2
    "__builtin__.bytes": "bytes",
    "builtins.bytes": "bytes",
}


def unpickle(path: Path) -> Any:
    """Return what the pickle at `path` holds: plain values, arrays read-only and never of objects.

    Raises:
        UserError: it cannot be read, is damaged or too large, or holds anything else. Nothing in it is ever run.
    """
    return _read(path, lambda file: _Machine().run(_instructions(file)), "pickle")


def load_npy(path: Path) -> Any:
    """Return what the .npy file at `path` holds: an array of numbers or text, or plain values and such arrays.

    An array of objects comes as a list, nested where it has more axes than one, and as its one value where it has
    none, as with a dict that was saved.

    Raises:
        UserError: as `unpickle`.
    """
    return _read(path, _npy, ".npy file")


def _read(path: Path, reader: Callable[[BinaryIO], Any], what: str) -> Any:
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise UserError(f"{path} has {size >> 30} GB: a {what} of more than {_LARGEST_FILE >> 30} GB is not read")
        with _Bounded(path.open("rb", buffering=0), size) as file:
            return reader(file)
    except UserError:
        raise
    except _Refused as refused:
        only = "only lists, tuples, dicts, strings, numbers and numpy arrays are read from a pickle"
        raise UserError(f"{path} {refused}: {only}, and nothing in it was run") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UserError(f"{path} is damaged or no {what}: download it again ({reason})") from None


def _npy(file: BinaryIO) -> Any:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it is of version {version[0]}.{version[1]}")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.hasobject:
        return _Machine(objects=True).run(_instructions(file))
    return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RecursionError,  # this and the next: numpy reads the head of a .npy file as literals of Python
    SyntaxError,
    tokenize.TokenError,
)


class _Refused(Exception):
    """What a pickle holds and must not; the message continues "the file ..."."""


class _Bounded(io.BufferedReader):
    """A file that is never asked for more than it holds, whatever length it claims for a string."""

    def __init__(self, raw: io.RawIOBase, size: int) -> None:
        super().__init__(raw)
        self._size = size

    def read(self, count: int | None = -1, /) -> bytes:
        return super().read(count if count is None else min(count, self._size))


def _instructions(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Yield name and argument of each instruction, "STOP" included."""
    name = ""
    while name != "STOP":
        code = file.read(1)
        known = _INSTRUCTIONS.get(code.decode("latin-1"))
        if known is None:
            raise ValueError(f"unknown instruction {code!r}" if code else "it ends too early")
        name = known.name
        if name == "STRING":  # `pickletools` reads ASCII here, but Python 2 wrote bytes
            yield name, codecs.escape_decode(pickletools.read_stringnl(file, decode=False))[0].decode("latin-1")
        else:
            yield name, known.arg.reader(file) if known.arg else None


class _Name(str):
    """A known name that the pickle spoke; its text is what that name makes."""


class _Kind:
    """A numpy dtype of numbers or of strings (or, where allowed, of objects), its byte order to come."""

    def __init__(self, code: Any, objects: bool) -> None:
        if not isinstance(code, str) or not (_NUMBERS.fullmatch(code) or (objects and code in _OBJECTS)):
            raise _Refused(f"holds an array of {_brief(code)}")
        self.dtype = np.dtype(code)

    def finish(self, state: Any) -> None:
        order, fields = state[1], state[2:5]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in fields):
            raise _Refused("holds an array of structures")
        self.dtype = self.dtype.newbyteorder(order)


class _Blank:
    """An array of which numpy has named the class and not yet the content."""

    def __init__(self) -> None:
        self.array: Any = None

    def finish(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        if isinstance(kind, _Kind) and kind.dtype.hasobject:
            self.array = _nested(raw, shape, fortran)
        else:
            self.array = _array(raw, kind, shape, "F" if fortran else "C")


def _is_shape(shape: Any) -> bool:
    """Tell whether it is the lengths of some axes."""
    return type(shape) is tuple and len(shape) <= _MOST_AXES and all(type(side) is int and side >= 0 for side in shape)


def _brief(value: Any) -> str:
    """Write a value in a few letters, without following what it holds to the end."""
    return reprlib.repr(value)[:100]


def _array(raw: Any, kind: Any, shape: Any, order: str = "C") -> np.ndarray:
    """Return an array over the bytes `raw`; its size is theirs, so a shape that claims more is an error."""
    if not isinstance(kind, _Kind) or kind.dtype.hasobject or not isinstance(raw, str | bytes):
        raise _Refused("holds an array of objects")
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    if not _is_shape(shape):
        raise ValueError(f"an array cannot have the shape {_brief(shape)}")
    if math.prod(shape) * kind.dtype.itemsize != len(raw):
        raise ValueError(f"an array of shape {_brief(shape)} has only {len(raw)} bytes")
    return np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _nested(values: Any, shape: Any, fortran: Any) -> Any:
    """Return the values of an array of objects as lists in lists; without any axis, its one value."""
    if type(values) is not list or not _is_shape(shape):
        raise ValueError("an array of objects has no list of them")
    if math.prod(shape) != len(values) or (fortran and len(shape) > 1):
        raise ValueError(f"an array of {len(values)} objects cannot have the shape {_brief(shape)}")
    for side in reversed(shape[1:]):
        values = [values[k : k + side] for k in range(0, len(values), side)]
    return values if shape else values[0]


def _made(name: Any, arguments: Any, objects: bool) -> Any:
    """Return what a known name makes of its arguments; `objects` allows arrays of them."""
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        raise _Refused("calls something that is not the name of a type")
    match name, arguments:
        case "kind", (code, *_):
            return _Kind(code, objects)
        case "blank", (_Name() as what, *_) if what == "class":
            return _Blank()
        case "filled", (raw, kind, shape, order):
            return _array(raw, kind, shape, order)
        case "scalar", (kind, raw):
            return _array(raw, kind, ()).item()
        case "bytes", (str() as text, *_):
            return text.encode("latin-1")
        case "bytes", ():
            return b""
    raise _Refused("holds an array or bytes in a form that numpy and Python do not write")


class _Machine:
    """The stack, the marks on it, and the memory of a pickle that is being read."""

    def __init__(self, objects: bool = False) -> None:
        self.objects = objects
        """Whether arrays of objects are taken in, as lists."""
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}

    def run(self, instructions: Iterator[tuple[str, Any]]) -> Any:
        """Follow the instructions to the end; return what is then on top."""
        push = self.stack.append
        for count, (name, argument) in enumerate(instructions):
            if count == _MOST_INSTRUCTIONS:
                raise _Refused(f"has more than {_MOST_INSTRUCTIONS:,} instructions")
            if name in _VALUES:
                push(argument)
            elif name in _ACTIONS:
                _ACTIONS[name](self, argument)
            else:  # of these, only "INST" has words for an argument: the name of a class
                raise _Refused(f"asks for {name.lower()} {argument or ''}".rstrip())
        return _finished(self.stack.pop())

    def name(self, spoken: str) -> None:
        """Push what is known under "module name"."""
        name = spoken.replace(" ", ".", 1)
        if name not in _KNOWN:
            raise _Refused(f"asks for {name!r:.100}")
        self.stack.append(_Name(_KNOWN[name]))

    def name_on_stack(self) -> None:
        """Push what is known under the module and name on top of the stack."""
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise _Refused("asks for something whose name is no text")
        self.name(f"{module} {name}")

    def call(self) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        self.stack.append(_made(name, arguments, self.objects))

    def build(self) -> None:
        state, unfinished = self.stack.pop(), self.stack[-1]
        if not isinstance(unfinished, _Kind | _Blank) or not isinstance(state, tuple):
            raise _Refused("changes a value that is not an array")
        unfinished.finish(state)
        if isinstance(unfinished, _Blank):
            self.stack[-1] = unfinished.array

    def get(self, place: int) -> None:
        value = self.memory[place]
        self.stack.append(value.array if isinstance(value, _Blank) and value.array is not None else value)

    def put(self, place: int) -> None:
        self.memory[place] = self.stack[-1]

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise ValueError("the stack is empty")
        self.stack[len(self.stack) - count :] = [tuple(self.stack[len(self.stack) - count :])]

    def add(self, values: list[Any]) -> None:
        into = self.stack[-1]
        if type(into) is not list:
            raise _Refused(f"adds to a {type(into).__name__}")
        into.extend(values)

    def set(self, pairs: list[Any]) -> None:
        into = self.stack[-1]
        if type(into) is not dict:
            raise _Refused(f"sets an item of a {type(into).__name__}")
        into.update(_dict(pairs))


def _is_key(key: Any) -> bool:
    return type(key) in _KEYS or (type(key) is tuple and all(type(part) in _KEYS for part in key))


def _dict(pairs: list[Any]) -> dict[Any, Any]:
    if not all(map(_is_key, pairs[::2])):
        raise _Refused("holds a dict whose keys are not all texts, numbers or tuples of such")
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


_INTEGERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"}
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_VALUES = frozenset(_INTEGERS | _TEXTS | {"FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
"""Instructions whose argument is the value."""
_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP", "READONLY_BUFFER"), lambda machine, _: None),
    "BYTEARRAY8": lambda machine, raw: machine.stack.append(bytes(raw)),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "LIST": lambda machine, _: machine.stack.append(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "DICT": lambda machine, _: machine.stack.append(_dict(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.add([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.add(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set(machine.since_mark()),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memory)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "GLOBAL": lambda machine, name: machine.name(name),
    "STACK_GLOBAL": lambda machine, _: machine.name_on_stack(),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
}


def _finished(value: Any) -> Any:
    """Return `value` if all in it, at any depth, is plain; a list may hold itself, so what was seen is remembered."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        kind = type(one)
        if kind in _PLAIN:
            continue
        if kind not in (list, tuple, dict):
            raise _Refused("leaves an array or a name unfinished")
        if id(one) not in seen:
            seen.add(id(one))
            todo.extend(itertools.chain(one.keys(), one.values()) if kind is dict else one)
    return value
