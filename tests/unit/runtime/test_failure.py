import errno
import os

import pytest

from baleen.errors import StartFailed
from baleen.runtime.failure import (
    LaunchError,
    decode_failure,
    encode_failure,
    exit_code_for,
    reason,
)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('exec: "foo": executable file not found in $PATH', 127),
        ('exec: "/x": stat /x: no such file or directory', 127),
        ('exec: "/x": permission denied', 126),
        ('exec: "/": is a directory', 126),
        ("exec /x: exec format error", 126),
        ('error mounting "/a" to rootfs at "/b": move_mount: not a directory', 127),
        ("anything else", 128),
    ],
)
def test_the_exit_code_follows_from_the_text_as_with_docker(message, code):
    assert exit_code_for(message) == code
    assert LaunchError("exec", 0, message).exit_code == code


def test_a_failure_survives_the_way_to_the_parent():
    sent = LaunchError("mount", errno.ENOENT, "message", 99)
    got = decode_failure(encode_failure("other", sent))
    assert isinstance(got, StartFailed)
    assert (got.stage, got.errno, str(got), got.exit_code) == ("mount", errno.ENOENT, "message", 99)


def test_an_os_error_is_told_with_stage_call_path_and_reason():
    error = OSError(errno.EPERM, os.strerror(errno.EPERM), "/x")
    error.add_note("mount")
    got = decode_failure(encode_failure("mounting", error))
    assert str(got) == "mounting: mount /x: operation not permitted"
    assert (got.stage, got.errno, got.exit_code) == ("mounting", errno.EPERM, 128)
    assert str(decode_failure(encode_failure("s", OSError(errno.EIO, "x")))) == (
        "s: input/output error"
    )


def test_any_other_exception_names_its_class_and_is_bounded():
    got = decode_failure(encode_failure("cgroup", ValueError("x" * 100_000)))
    assert str(got).startswith("cgroup: ValueError: xxx")
    assert len(encode_failure("cgroup", ValueError("x" * 100_000))) < 8192


def test_reasons_begin_in_lower_case():
    assert reason(OSError(errno.ENOTDIR, "")) == "not a directory"


@pytest.mark.parametrize("data", [b"{", b"{}", b'{"stage": 1}', b"{\xff}", b"[" * 8000])
def test_a_message_that_is_none_is_a_failure_too(data):
    assert "unintelligible" in str(decode_failure(data))
