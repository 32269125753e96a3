"""CVE-2019-5736: what a container gets to see of our interpreter cannot be written to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from baleen.runtime.default_spec import default_spec

pytestmark = pytest.mark.integration

PROGRAM = (sys.executable, "-IOO", "-m", "baleen.runtime.program")


@pytest.fixture
def bundle(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    os.makedirs(tmp_path / "rootfs/bin")
    shutil.copy("/bin/busybox", tmp_path / "rootfs/bin/sleep")
    document = default_spec(["sleep", "100"])
    document["linux"]["cgroupsPath"] = f"/baleen-test/{tmp_path.name}"
    (tmp_path / "config.json").write_text(json.dumps(document))
    return tmp_path


def _call(bundle, *words, **keywords):
    return subprocess.run(
        [*PROGRAM, "--root", bundle / "root", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=30,
        check=False,
        **keywords,
    ).returncode


def test_what_becomes_the_containers_program_runs_from_a_read_only_mount(bundle):
    assert _call(bundle, "create", "-b", bundle, "c") == 0
    pid = json.loads((bundle / "root/c/state.json").read_text())["pid"]
    exe = os.open(f"/proc/{pid}/exe", os.O_PATH)  # as an attacker holds it for a later time
    assert os.path.samestat(os.fstat(exe), os.stat(sys.executable))
    os.kill(pid, signal.SIGKILL)
    assert _call(bundle, "delete", "--force", "c") == 0
    path = f"/proc/self/fd/{exe}"
    assert os.statvfs(path).f_flag & os.ST_RDONLY
    with pytest.raises(OSError, match="Read-only") as caught:
        os.chmod(path, os.stat(path).st_mode & 0o7777)
    assert caught.value.errno == errno.EROFS
    os.close(exe)


def test_the_hosts_own_mount_stays_as_it_is(bundle):
    before = os.statvfs(sys.executable).f_flag
    mounts = _mounts()
    assert _call(bundle, "run", "-b", bundle, "--bogus", "c", stderr=subprocess.DEVNULL) == 1
    assert os.statvfs(sys.executable).f_flag == before
    assert _mounts() == mounts


def test_closed_streams_are_no_descriptors_for_others(bundle):
    code = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *PROGRAM, "--root", bundle / "r", "list"],
        check=False,
    ).returncode
    assert code == 0


def _mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return len(file.readlines())


def _family(pid):
    """`pid` and its descendants as far as they can be seen just now."""
    family = [pid]
    for one in family:
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),
            open(f"/proc/{one}/task/{one}/children") as file,
        ):
            family += [int(child) for child in file.read().split()]
    return family


def test_the_zygote_and_all_that_it_forks_run_from_a_read_only_mount():
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts are real")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    zygote = subprocess.Popen(
        [sys.executable, "-I", "-OO", "-m", "baleen.runtime.zygote_program", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    with ours:
        deadline = time.monotonic() + 20
        # A shim, its nursery, a worker: ahead of any container.
        while len(family := _family(zygote.pid)) < 4:
            assert time.monotonic() < deadline, family
        for pid in family:
            path = f"/proc/{pid}/exe"
            assert os.path.samestat(os.stat(path), os.stat(sys.executable))
            with pytest.raises(OSError, match="Read-only"):
                os.chmod(path, os.stat(path).st_mode & 0o7777)
    assert zygote.wait(20) == 0
