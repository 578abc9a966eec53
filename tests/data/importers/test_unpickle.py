"""The reader of pickles builds plain values and arrays, from either Python, and nothing else ever."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import python2
from limner.data.importers import unpickle as module
from limner.data.importers.unpickle import load_npy, unpickle
from limner.errors import UserError

SHARED = ["a"]
PLAIN: list[Any] = [
    ["a", "\xfc", "it's", 'a "b"\n\\', ""],
    {"a": 1, 2: ("b", None), (1, 2): [True, False]},
    [0, 255, 256, -1, 65535, 65536, -(2**31), 2**31, 2**70, -(2**300)],
    [1.5, -0.0, float("inf"), 1e-300],
    [b"", b"\x00\xff\n'"],
    [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}],
    [SHARED, SHARED, (SHARED, SHARED)],
    "\U0001f426 \u65e5\u672c",
]
ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(4, dtype=">i2"),
    np.array([True, False]),
    np.array(["ab", "c"]),
    np.array([b"ab", b"c"]),
    np.array([1 + 2j]),
    np.array(7),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 0), np.uint8),
]


def read(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "some.pickle"
    path.write_bytes(content)
    return unpickle(path)


def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        read(tmp_path, content)
    told = str(caught.value)
    assert "some.pickle" in told and "\n" not in told and len(told) < 500
    return told


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back_from_every_protocol(tmp_path: Path, protocol: int) -> None:
    assert read(tmp_path, pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_come_back_from_every_protocol(tmp_path: Path, protocol: int) -> None:
    values = [*ARRAYS, ARRAYS[0], np.float32(2.5), np.int64(-3), np.bool_(True)]
    found = read(tmp_path, pickle.dumps(values, protocol))
    for one, other in zip(values[:-3], found, strict=False):
        assert type(other) is np.ndarray and other.dtype == one.dtype and other.shape == one.shape
        assert np.array_equal(one, other)
    assert found[-3:] == [2.5, -3, True] and [type(one) for one in found[-3:]] == [float, int, bool]


# As Python 2.7 printed them: pickle.dumps(['ab', 'c\xe9'], n), and with numpy 1.13 dumps([array([1, 2], 'f4')], n).
GENUINE = [
    (b"(lp0\nS'ab'\np1\naS'c\\xe9'\np2\na.", ["ab", "c\xe9"]),
    (b"]q\x00(U\x02abq\x01U\x02c\xe9q\x02e.", ["ab", "c\xe9"]),
    (b"\x80\x02]q\x00(U\x02abq\x01U\x02c\xe9q\x02e.", ["ab", "c\xe9"]),
    (b"(dp0\nI1\nS'bird'\np1\nsI2\nL5L\ns.", {1: "bird", 2: 5}),
    (b"(lp0\nVgr\\u00fcn\np1\naI01\naF0.5\na.", ["grün", True, 0.5]),
    (
        b"(lp0\ncnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntp3\nS'b'\np4\ntp5\nRp6\n(I1\n"
        b"(I2\ntp7\ncnumpy\ndtype\np8\n(S'f4'\np9\nI0\nI1\ntp10\nRp11\n(I3\nS'<'\np12\nNNNI-1\nI-1\nI0\ntp13\nbI00\n"
        b"S'\\x00\\x00\\x80?\\x00\\x00\\x00@'\np14\ntp15\nba.",
        [np.array([1, 2], "f4")],
    ),
    (
        b"\x80\x02]q\x00cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85q\x03U\x01bq\x04\x87"
        b"q\x05Rq\x06(K\x01K\x02\x85q\x07cnumpy\ndtype\nq\x08U\x02f4q\tK\x00K\x01\x87q\nRq\x0b(K\x03U\x01<q\x0cNNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb\x89U\x08\x00\x00\x80?\x00\x00\x00@q\x0etq\x0fba.",
        [np.array([1, 2], "f4")],
    ),
    (
        b"\x80\x02cnumpy.core.multiarray\nscalar\nq\x00cnumpy\ndtype\nq\x01U\x02i8q\x02K\x00K\x01\x87q\x03Rq\x04(K\x03"
        b"U\x01<q\x05NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x06bU\x08\x07\x00\x00\x00\x00\x00\x00\x00q\x07\x86q\x08"
        b"Rq\t.",
        7,
    ),
]


@pytest.mark.parametrize(("content", "value"), GENUINE)
def test_what_python_2_wrote_is_read(tmp_path: Path, content: bytes, value: Any) -> None:
    found = read(tmp_path, content)
    if isinstance(value, list) and isinstance(value[0], np.ndarray):
        assert np.array_equal(found[0], value[0]) and found[0].dtype == value[0].dtype
    else:
        assert found == value
    ours, theirs = found, pickle.loads(content, encoding="latin1")  # these bytes are ours: Python agrees about them
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("protocol", [0, 2])
def test_the_writer_of_the_other_tests_writes_what_python_reads(protocol: int) -> None:
    value = [["a'\xe9\n", {"b": (1, -2, 300)}, None, True, False], np.arange(6, dtype=np.float32).reshape(2, 3)]
    found = pickle.loads(python2.dumps(value, protocol), encoding="latin1")
    assert found[0] == value[0] and np.array_equal(found[1], value[1])


class Evil:
    """Pickles to a call."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


class Thing:
    pass


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("call", "arguments", "named"),
    [
        (os.system, ("touch {}",), "system"),
        (builtins.eval, ("open({!r}, 'w')",), ".eval"),
        (builtins.exec, ("open({!r}, 'w')",), ".exec"),
        (subprocess.Popen, (["touch", "{}"],), ".Popen"),
        (getattr, ("", "join"), ".getattr"),
        (np.load, ("{}",), "numpy.load"),
    ],
)
def test_nothing_is_called(tmp_path: Path, protocol: int, call: Any, arguments: tuple[Any, ...], named: str) -> None:
    trace = tmp_path / "trace"
    filled = tuple(one.format(str(trace)) if isinstance(one, str) else ["touch", str(trace)] for one in arguments)
    evil = Evil(call, *filled)
    for value in (evil, ["a", {"b": (1, [evil])}], {"a": [np.zeros(2), evil]}):
        told = refusal(tmp_path, pickle.dumps(value, protocol))
        assert named in told and "nothing in it was run" in told
    assert not trace.exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [Thing(), Thing, collections.OrderedDict(a=1), {1, 2}, frozenset([1]), range(3), len, np.array([{}], object)],
    ids=lambda value: type(value).__name__,
)
def test_no_other_kind_of_value_is_built(tmp_path: Path, protocol: int, value: Any) -> None:
    refusal(tmp_path, pickle.dumps(["a", value], protocol))


def test_an_array_of_objects_is_refused_in_python_2s_form(tmp_path: Path) -> None:
    content = python2.dumps([np.array([1, 2], "i4")]).replace(b"U\x02i4", b"U\x02O8")
    assert "'O8'" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # the shortest, protocol 0
        b"(S'true'\nios\nsystem\n.",  # the instruction INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x02cos\nsystem\n)\x81.",  # NEWOBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.",  # STACK_GLOBAL
        b"\x80\x02\x82\x01.",  # EXT1
        b"Pa persistent id\n.",
        b"(S'a'\nQ.",  # BINPERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x04\x8f.",  # EMPTY_SET
        b"cnumpy\nndarray\n.",  # a known name left over
        b"(cnumpy\nndarray\nI0\nt.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.",  # an array without its bytes
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"cnumpy\ndtype\n(S'f4'\ntR.",
        b"cnumpy\ndtype\n(S'O'\ntR.",
        b"cnumpy\ndtype\n((lp0\ntR.",
        b"cnumpy\nndarray\n((I9\nttR.",
        b"cnumpy\ndtype\n}(S'x'\nI1\nub.",  # BUILD on a name
        b"(lp0\n(dp1\nS'__class__'\nI1\nsb.",  # BUILD on a list
        b"c__builtin__\nbytes\n(I1000000000000\ntR.",
    ],
)
def test_every_other_way_to_call_or_to_leave_a_name_is_refused(tmp_path: Path, content: bytes) -> None:
    refusal(tmp_path, content)


@pytest.mark.parametrize(
    "content", [pickle.dumps([*PLAIN, *ARRAYS], 2), python2.dumps([["a", {"b": 1}], ARRAYS[0]], 0)]
)
def test_a_file_that_ends_too_early_is_refused_wherever_it_ends(tmp_path: Path, content: bytes) -> None:
    for stop in {*range(0, len(content), 7), len(content) - 1}:
        with pytest.raises(UserError, match="some"):
            read(tmp_path, content[:stop])


def test_no_damage_of_a_byte_brings_anything_but_an_answer_or_one_line(tmp_path: Path) -> None:
    content = bytearray(pickle.dumps([{"a": (1, 2.5)}, np.arange(3.0), b"x", np.int64(2)], 4))
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = content.copy()
        for place in rng.integers(0, len(content), 2):
            damaged[place] = rng.integers(256)
        try:
            read(tmp_path, bytes(damaged))
        except UserError as error:
            assert "\n" not in str(error)


CLAIMS = [
    b"\x80\x04\x8e" + (2**50).to_bytes(8, "little") + b"ab.",  # BINBYTES8
    b"\x80\x04\x8d" + (2**50).to_bytes(8, "little") + b"ab.",
    b"\x80\x05\x96" + (2**50).to_bytes(8, "little") + b"ab.",  # BYTEARRAY8
    b"T\xff\xff\xff\x7fab.",
    b"\x80\x02\x8b\xff\xff\xff\x7fab.",  # LONG4
    b"]r\xff\xff\xff\xff.",  # a place in memory: Python's own reader makes room for all that are before it
    b"]p99999999999999\n.",
    b"I" + b"9" * 10_000 + b"\n.",
    pickle.dumps(np.zeros(2, "u1"), 2).replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ftU\x01btR.",
    b"\x80\x02cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x07S999999tRU\x01atR.",
]


def test_a_short_file_that_claims_much_takes_no_memory(tmp_path: Path) -> None:
    for number, content in enumerate(CLAIMS):
        (tmp_path / f"{number:02d}.pickle").write_bytes(content)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from limner.data.importers.unpickle import unpickle; from limner.errors import UserError\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.pickle')):\n"
        "    before = peak()\n"
        "    try: unpickle(path); told = 'read'\n"
        "    except UserError: told = 'refused'\n"
        "    print(peak() - before, told)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    told = [line.split() for line in done.stdout.splitlines()]
    assert max(int(kilobytes) for kilobytes, _ in told) < 10_000
    assert [how for _, how in told] == ["refused"] * 5 + ["read"] * 2 + ["refused"] * 4


KIND = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R\x89C\x00tb."
EMPTY, DOUBLED, DEEPER = b")", b"2\x86" * 40, b"\x85" * 1_000_000
"""An empty tuple; that in forty tuples of two, each holding the one before twice; or in a million tuples of one."""
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"}" + EMPTY + DOUBLED + b"Ns.", "keys are not all texts"),
        (b"}" + EMPTY + DEEPER + b"Ns.", "keys are not all texts"),
        (b"}(" + EMPTY + DOUBLED + b"Nu.", "keys are not all texts"),
        (b"(" + EMPTY + DOUBLED + b"Nd.", "keys are not all texts"),
        (EMPTY + DOUBLED + b"X\x01\x00\x00\x00a\x93.", "whose name is no text"),
        (ARRAY + b"(K\x01" + EMPTY + DOUBLED + KIND, "shape"),
        (ARRAY + b"(K\x01" + b"(" + b"K\x09" * 50 + b"t" + KIND, "shape"),
        (b"cnumpy\ndtype\n" + EMPTY + DOUBLED + b"\x85R.", "holds an array of"),
    ],
)  # fmt: skip
def test_a_short_nest_of_tuples_takes_no_time(tmp_path: Path, content: bytes, said: str) -> None:
    """In a process of its own: hashed or printed, the nest would take for ever, or end the interpreter."""
    path = tmp_path / "some.pickle"
    path.write_bytes(content)
    program = f"from pathlib import Path; from {module.__name__} import unpickle; unpickle(Path({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and said in done.stderr.splitlines()[-1], done.stderr[-500:]


def test_too_many_instructions_and_too_large_a_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_INSTRUCTIONS", 100)
    assert "more than 100 instructions" in refusal(tmp_path, b"(" + b"]" * 200 + b"l.")
    monkeypatch.setattr(module, "_LARGEST_FILE", 10)
    assert "is not read" in refusal(tmp_path, pickle.dumps(["a long enough text"]))


def test_lists_within_themselves_and_very_deep_ones_do_no_harm(tmp_path: Path) -> None:
    found = read(tmp_path, b"]q\x00h\x00a.")
    assert found[0] is found
    deep = read(tmp_path, b"]" * 20_000 + b"a" * 19_999 + b".")
    assert isinstance(deep[0][0][0], list)


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"\x89PNG\r\n\x1a\n", b"\x00", b"."])
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    refusal(tmp_path, content)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pickle cannot be read: No such file"):
        unpickle(tmp_path / "none.pickle")


def test_arrays_are_read_only(tmp_path: Path) -> None:
    assert not read(tmp_path, pickle.dumps(np.zeros(3), 2)).flags.writeable


def saved(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "some.npy"
    np.save(path, value, allow_pickle=True)
    return path


def objects(values: list[Any], *shape: int) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape) if shape else array


@pytest.mark.parametrize("array", ARRAYS, ids=map(str, range(len(ARRAYS))))
def test_an_npy_of_numbers_or_text_is_an_array(tmp_path: Path, array: np.ndarray) -> None:
    found = load_npy(saved(tmp_path, array))
    assert found.dtype == array.dtype and found.shape == array.shape and np.array_equal(found, array)


def test_an_npy_of_objects_is_plain_values(tmp_path: Path) -> None:
    assert load_npy(saved(tmp_path, {"a": [1, "b"], "c": {}})) == {"a": [1, "b"], "c": {}}
    assert load_npy(saved(tmp_path, objects([[1, 2], (3,), None]))) == [[1, 2], (3,), None]
    assert load_npy(saved(tmp_path, objects(list("abcdef"), 2, 3))) == [["a", "b", "c"], ["d", "e", "f"]]
    assert load_npy(saved(tmp_path, objects([]))) == []
    one, two = load_npy(saved(tmp_path, objects([np.arange(2), np.arange(3)])))
    assert one.tolist() == [0, 1] and two.tolist() == [0, 1, 2]


def test_an_npy_of_anything_else_is_refused_and_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for value in ({"a": Evil(os.system, f"touch {trace}")}, objects([Thing()]), {"a": {1}}, objects([len])):
        with pytest.raises(UserError, match=r"some\.npy asks for .*nothing in it was run"):
            load_npy(saved(tmp_path, value))
    assert not trace.exists()


def test_no_damage_of_an_npy_brings_anything_but_an_answer_or_one_line(tmp_path: Path) -> None:
    path = tmp_path / "some.npy"
    rng = np.random.default_rng(0)
    for value in ({"a": np.arange(3.0)}, np.arange(4), objects(list("abcd"), 2, 2)):
        content = saved(tmp_path, value).read_bytes()
        for number in range(150):
            damaged = bytearray(content if number % 3 else content[: rng.integers(len(content))] + b"(")
            for place in rng.integers(0, len(damaged), 2):
                damaged[place] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                load_npy(path)
            except UserError as error:
                assert "some.npy" in str(error) and "\n" not in str(error)


def test_an_npy_that_claims_much_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, np.zeros(10, "u1"))
    whole = path.read_bytes()
    claim = whole.replace(b"(10,), }" + b" " * 8, b"(9999999999,), }")
    assert len(claim) == len(whole) and claim != whole
    path.write_bytes(claim)
    with pytest.raises(UserError, match=r"some\.npy is damaged or no \.npy file"):
        load_npy(path)
