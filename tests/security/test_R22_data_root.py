"""R22 (moby CVE-2021-41091): a user of the host walks into the data root and runs setuid files."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest
from attack_lab import Layer, euid_program, image

pytestmark = pytest.mark.integration


def as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_other_users_get_nowhere(engine):
    name = image(engine, Layer().file("suid", euid_program(), mode=0o4755))
    engine.docker(
        "run", "-d", "--name", "box", "-v", "vol:/vol", name, "sh", "-c",
        "cp /suid /vol/suid; chmod 4755 /vol/suid; sleep 1000",
    )  # fmt: skip
    found = 0
    for root in (engine.place.data_root, engine.place.exec_root):
        for entry in root.iterdir():
            if entry.is_dir():
                assert as_nobody("ls", str(entry)).returncode != 0, entry
        for directory, names, files in os.walk(root):
            if directory.count("/") > str(root).count("/") + 6:
                names.clear()
            for file in files:
                path = f"{directory}/{file}"
                if os.lstat(path).st_mode & stat.S_ISUID:
                    found += 1
                    # By a shell: setpriv itself still has root's rights when it executes.
                    assert "Permission denied" in as_nobody("sh", "-c", path).stderr
                    assert as_nobody("stat", path).returncode != 0
    assert found >= 2, "the setuid files of image and volume were looked at"


def test_nothing_below_the_roots_is_writable_by_others(engine):
    engine.docker("run", "-d", "--name", "box", "-p", "8080:80", "busybox", "sleep", "1000")
    for root in (engine.place.data_root, engine.place.exec_root):
        assert os.stat(root).st_mode & 0o022 == 0
        for entry in root.iterdir():
            info = entry.lstat()
            assert info.st_uid == 0
            assert info.st_mode & 0o022 == 0, entry
            if not entry.is_dir():
                assert info.st_mode & 0o077 == 0, entry
