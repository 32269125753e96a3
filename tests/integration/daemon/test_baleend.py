"""The real `baleend` with the real engine, in a network namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


class Daemon:
    """One run of the program on its own roots."""

    def __init__(self, directory, umask=0o022):
        self.directory = directory
        self.socket = directory / "api.sock"
        name = f"t{os.getpid() % 100000}"
        command = [
            "unshare", "--net", sys.executable, "-m", "baleen.daemon.main",
            "-H", f"unix://{self.socket}",
            "--data-root", str(directory / "data"), "--exec-root", str(directory / "exec"),
            "--pidfile", str(directory / "d.pid"), "--bridge", f"{name}br", "--nft-table", name,
            "--cgroup-parent", f"/{name}", "--config-file", str(directory / "daemon.json"),
        ]  # fmt: skip
        (directory / "daemon.json").touch()
        self.log = directory / "log"
        # systemd's side of sd_notify: the daemon tells when it is ready.
        (directory / "notify").unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(directory / "notify"))
        self.notify.settimeout(30)
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stderr=log,
                umask=umask,
                env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify")},
            )
        self.told = self.notify.recv(100)
        self.ready_s = time.monotonic() - self.started

    def get(self, path):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.socket))
            client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            answer = b""
            while part := client.recv(65536):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def children(self):
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self.notify.close()
        return code


@pytest.fixture
def start(tmp_path):
    started = []

    def run(directory=None, **options):
        if directory is None:
            directory = tmp_path / f"d{len(started)}"
            directory.mkdir()
        daemon = Daemon(directory, **options)
        started.append(daemon)
        return daemon

    yield run
    for daemon in started:
        daemon.stop()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_socket_roots_and_database_have_their_modes_under_any_umask(start, umask):
    daemon = start(umask=umask)
    assert daemon.told == b"READY=1"
    assert mode(daemon.socket) == 0o660
    assert daemon.socket.stat().st_uid == 0
    assert mode(daemon.directory / "data") == 0o710
    assert mode(daemon.directory / "exec") == 0o711
    for entry in (daemon.directory / "data").iterdir():
        assert mode(entry) & 0o077 == 0, entry


def test_it_answers_ends_on_sigterm_and_leaves_no_socket_or_process(start):
    daemon = start()
    assert daemon.get("/_ping") == (200, b"OK")
    assert json.loads(daemon.get("/info")[1])["ServerVersion"]
    assert daemon.get("/images/json")[0] == 200
    children = daemon.children()
    assert len(children) == 1
    assert daemon.stop() == 0
    assert not daemon.socket.exists()
    assert not (daemon.directory / "d.pid").exists()
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert b"level=error" not in daemon.log.read_bytes()


def test_a_daemon_that_was_killed_is_followed_by_another(start):
    first = start()
    first.process.kill()
    first.stop()
    assert first.socket.exists()
    second = start(directory=first.directory)
    assert second.get("/_ping") == (200, b"OK")


def test_the_zygote_comes_back(start):
    daemon = start()
    (first,) = daemon.children()
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while daemon.children() in ([first], []) and time.monotonic() < deadline:
        os.sched_yield()
    (second,) = daemon.children()
    assert second != first
    assert daemon.get("/_ping")[0] == 200


def test_sighup_reloads_labels_and_bad_files_change_nothing(start):
    daemon = start()
    file = daemon.directory / "daemon.json"

    def labels_after(text):
        size = daemon.log.stat().st_size
        file.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while daemon.log.stat().st_size == size and time.monotonic() < deadline:
            os.sched_yield()
        return json.loads(daemon.get("/info")[1])["Labels"]

    assert labels_after('{"labels": ["a=b"]}') == ["a=b"]
    assert labels_after('{"labels": ["broken"]}') == ["a=b"]


def test_idle_memory_of_daemon_and_zygote_is_within_budget(start):
    daemon = start()
    total = 0
    for pid in (daemon.process.pid, *daemon.children()):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    assert total <= 42 * 1024


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker CLI")
def test_the_docker_cli_speaks_with_it(start):
    daemon = start()
    environment = {**os.environ, "DOCKER_HOST": f"unix://{daemon.socket}"}

    def docker(*arguments):
        run = subprocess.run(
            ["docker", *arguments], env=environment, capture_output=True, text=True, timeout=30
        )
        return run.returncode, run.stdout, run.stderr

    code, out, err = docker("version", "--format", "{{.Server.APIVersion}}")
    assert (code, out.strip()) == (0, "1.55"), err
    assert docker("ps", "-a")[0] == 0
    assert docker("system", "df")[0] == 0
    code, _, err = docker("inspect", "no-such-thing")
    assert (code, "no such object" in err.lower()) == (1, True), err
    code, _, err = docker("pull", "127.0.0.1:1/x")
    assert code == 1
    assert "dial tcp 127.0.0.1:1: connect: " in err


def test_docker_py_speaks_with_it(start):
    import docker

    daemon = start()
    client = docker.DockerClient(base_url=f"unix://{daemon.socket}")
    try:
        assert client.ping()
        assert client.version()["ApiVersion"] == "1.55"
        with pytest.raises(docker.errors.NotFound, match="No such container: nope"):
            client.containers.get("nope")
    finally:
        client.close()
