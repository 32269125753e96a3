from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api.signals import parse_signal, signal_name
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "number"),
    [("SIGKILL", 9), ("KILL", 9), ("kill", 9), ("9", 9), ("SigTerm", 15), ("64", 64), ("CLD", 17),
     ("SIGRTMIN", 34), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("RTMAX", 64), ("IOT", 6), ("09", 9)],
)  # fmt: skip
def test_signals_by_name_and_number(text, number):
    assert parse_signal(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-9", "+9", " 9", "1_5", "\u0669", "SIG", "NONE",
     "RTMIN+16", "9.0", "SIGSIGKILL",
             "\u017fEGV", "0x9", "K\u0131LL"]
)  # fmt: skip
def test_what_is_no_signal_is_refused(text):
    with pytest.raises(InvalidArgument, match=r"^invalid signal: "):
        parse_signal(text)


def test_names_of_numbers():
    assert signal_name(15) == "SIGTERM"
    assert signal_name(40) == "40"


@given(st.text(max_size=12))
def test_any_text_is_a_signal_or_refused(text):
    with contextlib.suppress(InvalidArgument):
        assert 1 <= parse_signal(text) <= 64
