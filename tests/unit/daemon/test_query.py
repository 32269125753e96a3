from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.daemon.query import Query, parse_integer, percent_decode
from baleen.errors import InvalidArgument


def test_values_are_decoded_once_and_the_first_counts():
    query = Query("a=1&b=x%20y+z&a=2&c&d=%2525&e=%C3%A4")
    assert query.text("a") == "1"
    assert query.texts("a") == ["1", "2"]
    assert query.text("b") == "x y z"
    assert query.text("c", "default") == "default"
    assert query.text("d") == "%25"
    assert query.text("e") == "\u00e4"
    assert not query.has("f")


def test_bytes_that_are_not_utf_8_survive():
    assert Query("path=%ff").text("path").encode("utf-8", "surrogateescape") == b"\xff"


@pytest.mark.parametrize("text", ["%", "%2", "%zz", "a%", "%\u0661\u0661"])
def test_a_malformed_escape_is_refused(text):
    with pytest.raises(InvalidArgument, match="invalid URL escape"):
        percent_decode(text.encode().decode("latin-1"))


def test_nul_and_too_many_parameters_are_refused():
    with pytest.raises(InvalidArgument):
        percent_decode("a%00b")
    with pytest.raises(InvalidArgument):
        Query("a&" * 2000)


@pytest.mark.parametrize(
    ("text", "value"),
    [("", False), ("0", False), ("no", False), ("False", False), ("none", False), ("1", True),
     ("true", True), ("True", True), ("t", True), ("yes", True), (" 0 ", False)],
)  # fmt: skip
def test_truth_as_dockerd_reads_it(text, value):
    assert Query(f"x={text}").flag("x") is value


def test_an_absent_flag_is_its_default():
    assert Query("").flag("x", default=True) is True
    assert Query("x").flag("x", default=True) is False


@pytest.mark.parametrize(
    "text", ["0x10", "1_0", " 1", "1 ", "\u0661", "1e3", "Infinity", "1.0", "--1", "+", "-",
             "9223372036854775808", "-9223372036854775809", "1" * 100, ""]
)  # fmt: skip
def test_what_go_refuses_as_an_integer_is_refused(text):
    with pytest.raises(InvalidArgument):
        parse_integer(text, "t")


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_integers_of_64_bits_are_read(value):
    assert parse_integer(str(value), "t") == value
    assert Query(f"t={value}").integer("t") == value


def test_an_empty_integer_is_the_default():
    assert Query("t=").integer("t", 5) == 5
    assert Query("").integer("t") is None


@given(st.text(max_size=30))
def test_any_target_text_is_decoded_or_refused(text):
    try:
        percent_decode(text.encode("utf-8", "surrogatepass").decode("latin-1"))
    except InvalidArgument:
        return
