"""`baleen-runtime` as callers see it: one process for each command, a root of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import sys

import pytest

from baleen.linux.cgroup import detect
from baleen.runtime.default_spec import default_spec

PROGRAM = (sys.executable, "-IOO", "-m", "baleen.runtime.program")
APPLETS = ("cat", "echo", "id", "ls", "mkdir", "readlink", "sh", "sleep", "stty", "true", "tty")
_NUMBERS = itertools.count()


def pytest_collection_modifyitems(items):
    for item in items:
        if "integration/runtime/oci" in str(item.path):
            item.add_marker(pytest.mark.integration)


class Runtime:
    """Calls the program; containers are named by the test and share one bundle directory."""

    def __init__(self, place):
        self.root = str(place / "root")
        self.bundle = place / "bundle"
        self.group = f"/baleen-test/oci-{os.getpid()}-{next(_NUMBERS)}"
        binaries = self.bundle / "rootfs/bin"
        binaries.mkdir(parents=True)
        shutil.copy("/bin/busybox", binaries / "busybox")
        for applet in APPLETS:
            (binaries / applet).symlink_to("busybox")

    def configure(self, *args, name="c1", change=None, **process):
        """Write config.json for a command."""
        document = default_spec(args)
        document["process"].update(process)
        document["linux"]["cgroupsPath"] = f"{self.group}/{name}"
        if change is not None:
            change(document)
        (self.bundle / "config.json").write_text(json.dumps(document))

    def command(self, *words):
        return [*PROGRAM, "--root", self.root, *words]

    def __call__(self, *words, code=0, **keywords):
        """Run a command to its end, which must be with `code`; returns its standard output."""
        keywords = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE} | keywords
        done = subprocess.run(
            self.command(*words),
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            **keywords,
        )
        self.errors = done.stderr or ""
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def detached(self, *words, output=subprocess.DEVNULL, **keywords):
        """Run a command that leaves a process behind, which holds `output` too."""
        done = subprocess.run(
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=60,
            check=False,
            **keywords,
        )
        assert done.returncode == 0, words

    def create(self, *words, name="c1", **keywords):
        """Create a container whose output goes to `output`, if one is given."""
        self.detached("create", "--bundle", str(self.bundle), *words, name, **keywords)

    def state(self, name="c1"):
        return json.loads(self("state", name))

    def pid(self, name="c1"):
        return self.state(name)["pid"]

    def wait(self, pid):
        """Wait until a process has ended, and reap it if its end made it ours."""
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            assert poll.poll(30_000), f"process {pid} does not end"
            os.close(fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def kill(self, name="c1"):
        pid = self.pid(name)
        self("kill", name, "KILL")
        self.wait(pid)


@pytest.fixture
def runtime(tmp_path):
    """A runtime whose containers must all be deleted by the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    made = Runtime(tmp_path)
    with subscribed_orphans():
        yield made
        left = os.listdir(made.root) if os.path.exists(made.root) else []
        groups = detect().open(made.group)
        pids = groups.pids()
        for name in left:
            subprocess.run(made.command("delete", "--force", name), check=False)
        groups.kill()
        directories = groups.directories if detect().version == 1 else [groups.directory]
        below = [path for path in directories if os.path.isdir(path)]
        below = [f"{path}/{n}" for path in below for n in os.listdir(path) if n.startswith("c")]
        children = [path for path in below if os.path.isdir(path) and "cgroup." not in path]
        groups.remove()
        assert left == []
        assert pids == []
        assert [path for path in children if os.path.basename(path)[1:].isdigit()] == []


@contextlib.contextmanager
def subscribed_orphans():
    """Reap what `create` leaves to its subreaper, as conmon and containerd's shim do."""
    from baleen.linux.process import set_child_subreaper

    set_child_subreaper(enabled=True)
    try:
        yield
    finally:
        set_child_subreaper(enabled=False)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
