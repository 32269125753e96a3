"""containerd with `baleen-runtime` behind its shim for runc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from bed import wait_until

_PROGRAMS = ("containerd", "ctr", "containerd-shim-runc-v2")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in _PROGRAMS), reason="containerd is not installed"
)


@pytest.fixture
def ctr(runtime):
    """Calls ctr on a containerd of our own; what it runs has the test's root file system."""
    place = f"/tmp/bc{os.urandom(3).hex()}"  # paths of unix sockets have to be short
    os.mkdir(place)
    with open(f"{place}/config.toml", "w", encoding="utf-8") as file:
        file.write(
            f'version = 2\nroot = "{place}/root"\nstate = "{place}/state"\n'
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
            f'[grpc]\naddress = "{place}/c.sock"\n[ttrpc]\naddress = "{place}/t.sock"\n'
        )
    program = f"{place}/baleen-runtime"
    with open(program, "w", encoding="utf-8") as script:
        script.write(
            f"#!{sys.executable} -IOO\nfrom baleen.runtime.program import program\n\nprogram()\n"
        )
    os.chmod(program, 0o755)

    def call(*words, code=0):
        done = subprocess.run(
            ["ctr", "--address", f"{place}/c.sock", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def run(name, *command, options=(), code=0):
        where = ("--rootfs", "--runc-binary", program, "--cgroup", f"{runtime.group}/{name}")
        return call(
            "run", *options, *where, str(runtime.bundle / "rootfs"), name, *command, code=code
        )

    call.run = run
    with subprocess.Popen(
        ["containerd", "--config", f"{place}/config.toml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        wait_until("containerd answers", lambda: os.path.exists(f"{place}/c.sock"))
        yield call
        daemon.terminate()
        daemon.wait(30)
    shutil.rmtree(place)


def test_the_life_of_a_container(ctr):
    # The shim's state directory is the host's.
    first, second = (f"baleen{os.getpid()}{letter}" for letter in "ab")
    assert ctr.run(first, "/bin/echo", "hello", options=("--rm",)) == "hello\n"
    ctr.run(first, "/bin/sh", "-c", "exit 9", options=("--rm",), code=9)
    text = ctr.run(first, "/bin/none", options=("--rm",), code=1)
    assert "OCI runtime create failed: baleen-runtime create failed: unable to start" in text
    ctr.run(second, "/bin/sleep", "1000", options=("-d",))
    assert ctr("task", "exec", "--exec-id", "e1", second, "/bin/id") == "uid=0 gid=0\n"
    ctr("task", "pause", second)
    assert "PAUSED" in ctr("task", "ls")
    ctr("task", "resume", second)
    ctr("task", "kill", "-s", "KILL", second)
    wait_until("it has stopped", lambda: "STOPPED" in ctr("task", "ls"))
    assert "exit code 137" in ctr("task", "rm", second)
    ctr("container", "rm", second)
    assert second not in ctr("task", "ls")
