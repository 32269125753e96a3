from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.start_errors import start_exit_code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "x": executable file not found in $PATH: unknown', 127),
        ('exec: "/x": stat /x: no such file or directory', 127),
        ('exec: "/etc": Permission denied', 126),
        ('exec: "/etc": is a directory', 126),
        ("exec /x: exec format error", 126),
        ("driver failed: port is already allocated", 125),
    ],
)
def test_the_code_is_read_from_the_message(message, code):
    assert start_exit_code(errors.InvalidArgument(message)) == code
