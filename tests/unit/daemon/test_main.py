from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from baleen.daemon.main import main


def test_help_names_every_option_and_version_is_one_line(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "-H, --host" in text
    assert "--insecure-plain-tcp-without-authentication" in text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("Baleen version ")


def test_validation_says_ok_or_why_not(tmp_path, capsys):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"debug": true}')
    bad.write_text('{"unknown-option": true}')
    assert main(["--validate", "--config-file", str(good)]) == 0
    assert capsys.readouterr().out == "configuration OK\n"
    assert main(["--validate", f"--config-file={bad}"]) == 1
    assert capsys.readouterr().err == (
        f"baleend: unable to configure the daemon with file {bad}: the following directives don't "
        "match any configuration option: unknown-option\n"
    )


def test_bad_flags_are_125_and_no_traceback(capsys):
    assert main(["--nope"]) == 125
    assert "unknown flag: --nope" in capsys.readouterr().err
    assert main(["word"]) == 125


SOCKETS = """
import os, socket, sys
from baleen.daemon.config import Config
from baleen.daemon.listeners import open_listeners
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
(listener,), paths = open_listeners(Config(hosts=["fd://"]))
print(listener.getsockname(), paths, os.get_inheritable(3))
"""


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_sockets_of_systemd_are_taken_over(tmp_path, family):
    with socket.socket(family) as listener:
        listener.bind(str(tmp_path / "s") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()
        run = subprocess.run(
            [sys.executable, "-c", SOCKETS, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout == f"{listener.getsockname()} [] False\n"
