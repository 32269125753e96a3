"""What a request may hold, and what is said of errors."""

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.failure import LaunchError
from baleen.runtime.supervisor_messages import attach_options, describe, flag, integer


def test_fields_have_the_type_they_need():
    assert integer({"n": 3}, "n") == 3
    assert flag({"f": True}, "f") is True
    assert flag({}, "f") is False
    for value in (True, "3", None, 3.0):
        with pytest.raises(InvalidArgument):
            integer({"n": value}, "n")
    with pytest.raises(InvalidArgument):
        flag({"f": 1}, "f")


def test_attach_options_come_from_two_places():
    options = attach_options({"stdout": True, "early": "aGk="}, {"detach_keys": "ctrl-a"})
    assert (options.stdout, options.stdin, options.early) == (True, False, b"hi")
    assert options.detach_keys == "ctrl-a"
    for bad in (None, [], {"early": "?"}):
        with pytest.raises(InvalidArgument):
            attach_options(bad, {})


def test_errors_are_described_with_what_is_known():
    assert describe(ValueError("bad")) == {
        "stage": "request",
        "errno": 0,
        "message": "bad",
        "exit_code": 0,
    }
    assert describe(LaunchError("execve", 2, "no such file", 127))["exit_code"] == 127
