from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

import pytest

from baleen.cli.tty import raw_terminal, terminal_size


@pytest.fixture
def terminal():
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


def test_the_mode_is_raw_inside_and_comes_back(terminal):
    before = termios.tcgetattr(terminal)
    with raw_terminal(terminal):
        local = termios.tcgetattr(terminal)[3]
        assert not local & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert termios.tcgetattr(terminal) == before
    with pytest.raises(RuntimeError), raw_terminal(terminal):
        raise RuntimeError
    assert termios.tcgetattr(terminal) == before


def test_the_mode_comes_back_before_a_signal_ends_the_process(terminal):
    before = termios.tcgetattr(terminal)
    code = (
        "import os, signal, sys\n"
        "from baleen.cli.tty import raw_terminal\n"
        "with raw_terminal(0):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    signal.pause()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=terminal, timeout=20, check=False)
    assert done.returncode == -15
    assert termios.tcgetattr(terminal) == before


def test_no_terminal_has_no_size():
    read, write = os.pipe()
    assert terminal_size(read) is None
    os.close(read)
    os.close(write)
