import signal

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.oci.kill import parse_signal


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("0", 0),
        ("KILL", 9),
        ("SIGKILL", 9),
        ("sigterm", 15),
        ("usr1", 10),
        ("RTMIN", signal.SIGRTMIN),
        ("SIGRTMIN+3", signal.SIGRTMIN + 3),
        ("64", 64),
    ],
)
def test_names_and_numbers(text, number):
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "65", "-9", "BOGUS", "SIGSIGKILL", "RTMIN+99", "RTMIN+", "KILL+1", "\u0669", "9 ", "1_0"],
)
def test_others_are_refused(text):
    with pytest.raises(InvalidArgument, match="unknown signal"):
        parse_signal(text)
