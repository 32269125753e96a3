"""podman with `baleen-runtime` as its runtime, on storage of its own and an image from bytes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from bed import wait_until

from baleen.linux.cgroup import detect

pytestmark = pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")

_APPLETS = ("cat", "echo", "id", "ls", "readlink", "sh", "sleep", "true", "tty")


class Podman:
    """Calls podman; everything that it makes lies below one directory."""

    def __init__(self, place, runtime):
        self.options = [
            *("--root", f"{place}/root", "--runroot", f"{place}/run", "--tmpdir", f"{place}/tmp"),
            *("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", runtime),
            *("--events-backend", "none"),
        ]
        # Nothing of the host's configuration, and containers that stop when they are told to.
        self.environment = os.environ | {"CONTAINERS_CONF": f"{place}/containers.conf"}

    def __call__(self, *words, code=0, **keywords):
        done = subprocess.run(
            ["podman", *self.options, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environment,
            **({"stdin": subprocess.DEVNULL} | keywords),
        )
        self.errors = done.stderr
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(self, *words, **keywords):
        """Run a container on a network of `none`, with a cgroup that the test can find."""
        options = ("--network", "none", "--cgroup-parent", "/baleen-test-podman")
        return self("run", *options, *words, **keywords)


def _image():
    """The layer of an image that is one busybox."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox", filter=_plain)
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return data.getvalue()


def _plain(member):
    member.uid = member.gid = member.mtime = 0
    return member


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    # Not below pytest's own directories: paths of unix sockets have to be short.
    place = f"/tmp/bp{os.urandom(3).hex()}"
    os.mkdir(place)
    runtime = f"{place}/baleen-runtime"
    with open(runtime, "w", encoding="utf-8") as script:
        script.write(
            f"#!{sys.executable} -IOO\nfrom baleen.runtime.program import program\n\nprogram()\n"
        )
    os.chmod(runtime, 0o755)
    with open(f"{place}/containers.conf", "w", encoding="utf-8") as file:
        file.write('[engine]\nruntime_supports_json = ["baleen-runtime"]\n')
    made = Podman(place, runtime)
    (tmp_path_factory.mktemp("image") / "layer.tar").write_bytes(_image())
    made("import", str(tmp_path_factory.getbasetemp() / "image0/layer.tar"), "bb")
    before = set(os.listdir("/run/baleen-runtime")) if _has_root() else set()
    yield made
    left = made("ps", "-aq")
    made("rm", "--all", "--force", "--time", "0")
    shutil.rmtree(place)
    group = detect().open("/baleen-test-podman")
    wait_until("conmon has ended", lambda: not group.pids())
    group.remove()
    assert left == ""
    assert not _has_root() or set(os.listdir("/run/baleen-runtime")) == before


def _has_root():
    return os.path.isdir("/run/baleen-runtime")


def test_output_and_exit_code_come_back(podman):
    assert podman.run("--rm", "bb", "echo", "hello") == "hello\n"
    podman.run("--rm", "bb", "sh", "-c", "exit 7", code=7)
    assert podman.run("--rm", "-i", "bb", "cat", stdin=None, input="in\n") == "in\n"


def test_a_program_that_is_not_there_is_127(podman):
    podman.run("--rm", "bb", "none", code=127)
    assert "executable file not found in $PATH" in podman.errors


def test_the_life_of_a_container_on_the_hosts_network(podman):
    options = ("--network", "host", "--cgroup-parent", "/baleen-test-podman")
    podman("run", "-d", "--name", "c1", *options, "bb", "sleep", "1000")
    assert podman("ps", "--format", "{{.Names}} {{.Status}}").startswith("c1 Up")
    assert podman("exec", "c1", "readlink", "/proc/1/ns/net") == (
        os.readlink("/proc/self/ns/net") + "\n"
    )
    podman("exec", "c1", "sh", "-c", "exit 3", code=3)
    podman("exec", "c1", "none", code=127)
    assert podman("exec", "-i", "c1", "cat", stdin=None, input="in\n") == "in\n"
    assert podman("exec", "-u", "7:8", "c1", "id") == "uid=7 gid=8\n"
    assert "sleep 1000" in podman("top", "c1")
    podman("pause", "c1")
    assert podman("inspect", "--format", "{{.State.Status}}", "c1") == "paused\n"
    podman("unpause", "c1")
    assert podman("stats", "--no-stream", "--format", "{{.PIDs}}", "c1") == "1\n"
    podman("stop", "--time", "0", "c1")
    assert podman("inspect", "--format", "{{.State.ExitCode}}", "c1") == "137\n"
    podman("start", "c1")
    podman("rm", "--force", "--time", "0", "c1")
    assert podman("ps", "-aq") == ""


def test_terminals(podman):
    podman.run("-d", "-t", "--name", "c2", "bb", "sh", "-c", "tty; sleep 1000")
    assert podman("exec", "-t", "c2", "tty").strip().startswith("/dev/pts/")
    assert podman("logs", "c2").strip().startswith("/dev/pts/")
    podman("rm", "--force", "--time", "0", "c2")


def test_rights_and_limits_are_podmans(podman):
    script = "cat /proc/self/status; cat /proc/self/cgroup"
    text = podman.run(
        *("--rm", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
        *("--pids-limit", "20", "bb", "sh", "-c", script),
    )
    for line in ("CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in text


def test_a_shared_pid_namespace_ends_with_the_container(podman):
    podman.run(
        *("-d", "--pid", "host", "--name", "c3", "bb", "sh", "-c", "sleep 1000 & sleep 1000")
    )
    podman("rm", "--force", "--time", "0", "c3")
    # Behind podman's answer its conmon, in the same cgroup, ends too.
    group = detect().open("/baleen-test-podman")
    wait_until("nobody is left", lambda: not group.pids())
