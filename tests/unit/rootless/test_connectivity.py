"""Choosing the program that leads out; that it does is tested with the engine."""

from __future__ import annotations

import os

import pytest

from baleen.errors import FailedPrecondition, InvalidArgument
from baleen.rootless.connectivity import connect, installed_programs


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An empty PATH; the function puts a program on it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name, script):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


def test_none_is_none_and_nothing_installed_is_none(programs, tmp_path):
    assert installed_programs() == []
    assert connect(1, "none", tmp_path / "log") is None
    assert connect(1, "auto", tmp_path / "log") is None


def test_what_was_asked_for_has_to_be_there(programs, tmp_path):
    with pytest.raises(FailedPrecondition, match="pasta is not installed"):
        connect(1, "pasta", tmp_path / "log")
    with pytest.raises(InvalidArgument, match="'vpnkit'"):
        connect(1, "vpnkit", tmp_path / "log")


def test_a_program_that_ends_is_passed_over_for_the_next(programs, tmp_path):
    programs("slirp4netns", "echo why >&2; exit 1")
    programs("pasta", "echo 1 >&3; exec 3>&-; read line <&4 || exit 0")
    assert installed_programs() == ["slirp4netns", "pasta"]
    connection = connect(os.getpid(), "auto", tmp_path / "log")
    assert connection is not None
    assert (connection.program, connection.dns) == ("pasta", "169.254.1.1")
    connection.end()
    assert (tmp_path / "log").read_text() == "why\n"
    with pytest.raises(ProcessLookupError):
        os.kill(connection.pid, 0)


def test_one_that_was_asked_for_and_ends_is_an_error(programs, tmp_path):
    programs("slirp4netns", "exit 1")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FailedPrecondition, match="slirp4netns does not start"):
        connect(os.getpid(), "slirp4netns", tmp_path / "log")
    assert len(os.listdir("/proc/self/fd")) == before
