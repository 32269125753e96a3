"""The C library's own signals get back what a fresh process has."""

from __future__ import annotations

import os

from baleen.linux.signals import default_internal_signals


def ignored() -> int:
    with open("/proc/self/status") as file:
        lines = dict(line.split(":\t") for line in file if ":\t" in line)
    return int(lines["SigIgn"], 16) >> 31 & 0b11


def test_nothing_of_them_is_ignored_afterwards():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        default_internal_signals()
        os.write(writing, b"%d" % ignored())
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 10) == b"0"
    os.close(reading)
    os.waitpid(child, 0)
