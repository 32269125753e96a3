"""Words are parted, unquoted and expanded as a Dockerfile's."""

import pytest

from baleen.errors import InvalidArgument
from baleen.images.change_words import expanded, words

VARIABLES = {"A": "a b", "EMPTY": "", "_x1": "y"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  a \t b\n", ["a", "b"]),
        ('\'a b\' "c d"e ""', ["a b", "c de", ""]),
        ("$A", ["a b"]),
        ("x${A}x'$A'", ["xa bx$A"]),
        ('"it\'s $A"', ["it's a b"]),
        (r"\$A a\ b \"", ["$A", "a b", '"']),
        (r'"\$A \n \""', ['$A \\n "']),
        (r"'\' \\", ["\\", "\\"]),
        ("$NONE ${NONE}", ["", ""]),
        ("${A:-d} ${NONE:-d e} ${EMPTY:-d} ${A:+s} ${EMPTY:+s}", ["a b", "d e", "d", "s", ""]),
        ("$ $1 ${ $_x1", ["$", "$1", "${", "y"]),
        ("end\\", ["end\\"]),
    ],
)
def test_words(text, expected):
    assert words(text, VARIABLES) == expected


def test_all_of_it_may_be_one_word():
    assert expanded("/x  \"$A\"/'$A'", VARIABLES) == "/x  a b/$A"


@pytest.mark.parametrize("text", ["'", '"x', "a 'b"])
def test_a_quote_without_an_end_is_refused(text):
    with pytest.raises(InvalidArgument, match="quoting"):
        words(text, VARIABLES)
