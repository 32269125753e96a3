from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from baleen.daemon.host_files import HostFiles
from baleen.errors import AlreadyExists


def files(directory, name="d.pid"):
    return HostFiles(directory / "data", directory / "exec", directory / "run" / name)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_directories_and_pid_file_have_their_modes_under_any_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with files(tmp_path):
            assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o710
            assert stat.S_IMODE((tmp_path / "exec").stat().st_mode) == 0o711
            pidfile = tmp_path / "run" / "d.pid"
            assert stat.S_IMODE(pidfile.stat().st_mode) == 0o644
            assert pidfile.read_text() == f"{os.getpid()}\n"
    finally:
        os.umask(before)
    assert not pidfile.exists()


def test_the_directory_above_remapped_ids_is_closed_too(tmp_path):
    above = tmp_path / "data"
    with HostFiles(above / "1.1", tmp_path / "exec", tmp_path / "d.pid", above=above):
        for root in (above, above / "1.1"):
            assert stat.S_IMODE(root.stat().st_mode) == 0o710


def test_a_second_daemon_on_the_same_data_root_is_refused(tmp_path):
    with files(tmp_path), pytest.raises(AlreadyExists, match="another daemon uses the data root"):
        files(tmp_path, "other.pid").__enter__()


def test_a_pid_file_counts_only_while_a_daemon_has_that_number(tmp_path):
    (tmp_path / "run").mkdir()
    pidfile = tmp_path / "run" / "d.pid"
    for stale in ("", "junk", str(2**22), "1", "\xff"):
        pidfile.write_text(stale, encoding="latin-1")
        with files(tmp_path):
            pass
    program = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, "baleend"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()  # the new program runs: its command line is in place
        pidfile.write_text(str(other.pid))
        with pytest.raises(AlreadyExists, match=f"running as process {other.pid}"):
            files(tmp_path).__enter__()
        other.stdin.close()
