import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.linux.dbus.wire import MalformedError, Reader, Variant, Writer, split_signature


def write(signature, *values):
    writer = Writer()
    writer.values(signature, values)
    return bytes(writer.data)


def test_the_specifications_examples_are_read():
    # "Marshaling", big-endian: three strings, and an array of one 64-bit number.
    strings = bytes.fromhex("00000003 666f6f00 00000001 2b000000 00000003 62617200")
    assert Reader(strings, big_endian=True).values("sss") == ("foo", "+", "bar")
    array = bytes.fromhex("00000008 00000000 0000000000000005")
    assert Reader(array, big_endian=True).values("ax") == ([5],)


def test_the_same_is_written_with_the_bytes_of_numbers_the_other_way_round():
    assert write("sss", "foo", "+", "bar") == bytes.fromhex(
        "03000000 666f6f00 01000000 2b000000 03000000 62617200"
    )
    assert write("ax", [5]) == bytes.fromhex("08000000 00000000 0500000000000000")


def test_every_type_has_its_alignment_and_size():
    assert write("yq", 1, 2) == bytes.fromhex("01 00 0200")
    assert write("yu", 1, 2) == bytes.fromhex("01 000000 02000000")
    assert write("yt", 1, 2) == bytes.fromhex("01 00000000000000 0200000000000000")
    assert write("y(y)", 1, (2,)) == bytes.fromhex("01 00000000000000 02")
    assert write("yg", 1, "as") == bytes.fromhex("01 02 617300")
    assert write("b", True) == bytes.fromhex("01000000")
    assert write("v", Variant("t", 1)) == bytes.fromhex("01 7400 0000000000 0100000000000000")
    # The padding before the first element is there without one, and is not counted.
    assert write("at", []) == bytes.fromhex("00000000 00000000")
    assert write("ya{sv}", 1, {}) == bytes.fromhex("01 000000 00000000")
    assert write("ay", b"\x07\x08") == bytes.fromhex("02000000 0708")


def test_a_property_of_systemd():
    data = write("a(sv)", [("Delegate", Variant("b", True))])
    assert data == bytes.fromhex("14000000 00000000") + (
        struct.pack("<I", 8) + b"Delegate\0" + b"\x01b\0" + struct.pack("<I", 1)
    )
    assert Reader(data).values("a(sv)") == ([("Delegate", Variant("b", True))],)


def test_signatures_are_split_into_complete_types():
    assert split_signature("ssa(sv)a(sa(sv))") == ["s", "s", "a(sv)", "a(sa(sv))"]
    assert split_signature("a{sv}aas(yv)") == ["a{sv}", "aas", "(yv)"]
    assert split_signature("") == []


@pytest.mark.parametrize(
    "signature",
    ["a", "()", "(s", "s)", "{sv}", "a{vs}", "a{s}", "a{sss}", "z", "h", "(" * 70 + "y" + ")" * 70,
     "y" * 256, "a" * 100 + "y"],
)  # fmt: skip
def test_signatures_that_are_none_are_refused(signature):
    with pytest.raises(MalformedError):
        split_signature(signature)


@pytest.mark.parametrize(
    ("signature", "value"),
    [
        ("s", 1), ("s", "a\0b"), ("s", "\udc80"), ("u", "1"), ("u", True), ("u", -1), ("y", 256),
        ("b", 1), ("d", 1), ("as", "abc"), ("ay", [1, "x"]), ("a{sv}", []), ("(s)", ["x"]),
        ("(s)", ()), ("v", 1), ("v", Variant("ss", "x")), ("g", "y" * 256), ("au", {1: 2}),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(signature, value):
    with pytest.raises(MalformedError):
        write(signature, value)


@pytest.mark.parametrize(
    ("signature", "data"),
    [
        ("s", "03000000 666f6f"),  # no end
        ("s", "03000000 666f6f01"),  # no NUL
        ("s", "03000000 66006f00"),  # NUL inside
        ("s", "01000000 ff00"),  # no UTF-8
        ("s", "ffffffff 00"),
        ("b", "02000000"),
        ("yu", "01 000100 02000000"),  # padding
        ("au", "06000000 01000000 02000000"),  # elements end behind the array
        ("au", "ffffffff"),
        ("v", "0000"),
        ("v", "02 757500 00 00000000"),
        ("ay", "05000000 0102"),
    ],
)
def test_bytes_that_break_the_rules_are_refused(signature, data):
    with pytest.raises(MalformedError):
        Reader(bytes.fromhex(data)).values(signature)


def test_variants_in_variants_end_somewhere():
    # v holding v holding v ...: each level costs three bytes.
    with pytest.raises(MalformedError, match="nested too deeply"):
        Reader(b"\x01v\0" * 5000).values("v")


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)))
basic = st.one_of(
    st.tuples(st.just("y"), st.integers(0, 255)),
    st.tuples(st.just("b"), st.booleans()),
    st.tuples(st.just("n"), st.integers(-(2**15), 2**15 - 1)),
    st.tuples(st.just("u"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("x"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("t"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("d"), st.floats(allow_nan=False)),
    st.tuples(st.just("s"), texts),
    st.tuples(st.just("ay"), st.binary()),
)


def _grown(inner):
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(
            lambda parts: (f"({''.join(p[0] for p in parts)})", tuple(p[1] for p in parts))
        ),
        st.tuples(inner, st.integers(0, 3)).map(
            # Bytes are what an array of them is.
            lambda pair: ("a" + pair[0][0], _array(pair[0], pair[1]))
        ),
        inner.map(lambda part: ("v", Variant(*part))),
        st.tuples(texts, inner).map(lambda pair: ("a{s" + pair[1][0] + "}", {pair[0]: pair[1][1]})),
    )


def _array(part, count):
    return bytes([part[1]] * count) if part[0] == "y" else [part[1]] * count


@given(st.lists(st.recursive(basic, _grown, max_leaves=8), max_size=5))
def test_what_is_written_is_read_again(parts):
    signature = "".join(kind for kind, _ in parts)
    if len(signature) > 255:
        return
    data = write(signature, *(value for _, value in parts))
    reader = Reader(data)
    assert reader.values(signature) == tuple(value for _, value in parts)
    assert reader.offset == len(data)


@given(st.sampled_from(["a(sv)", "v", "a{sv}", "(uoss)", "as", "aay"]), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(signature, data):
    with contextlib.suppress(MalformedError):
        Reader(data).values(signature)
