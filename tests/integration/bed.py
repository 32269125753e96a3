"""One real `baleend` for tests: own network namespace, roots, socket, bridge and cgroup parent.

        outside netns                     host netns (the daemon's)             containers
    198.51.100.2 eth0 ────────── uplink 198.51.100.1,  bridge 172.17.0.1 ────── 172.17.0.x

The test process stays in its own network namespace; the API socket is a path, so it reaches the
daemon all the same. `inside(...)` and `outside(...)` run a program in one of the two namespaces.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import json
import os
import pty
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import leaks
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    _Kind = TypeVar("_Kind", bound="Bed")

HOST_ADDRESS = "198.51.100.1"
OUTSIDE_ADDRESS = "198.51.100.2"
TIMEOUT_S = 30


def wait_until(
    what: str, condition: Callable[[], object], *, timeout_s: float = 10.0, every_s: float = 0.01
) -> Any:
    """Return the condition's first true value; fail with `what` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        select.select([], [], [], every_s)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


class Bed:
    """A daemon and its surroundings; `start` and `close` make and remove everything."""

    cgroup_driver = "cgroupfs"

    def __init__(self, directory: Path) -> None:
        token = secrets.token_hex(3)
        self.directory = directory
        self.netns, self.outside_netns = f"bl{token}", f"bl{token}o"
        self.data_root = directory / "data"
        self.place = leaks.Place(
            netns=self.netns,
            cgroup_parent=f"/bltest-{token}",
            data_root=self.data_root,
            exec_root=directory / "run",
        )
        self.socket = directory / "api.sock"
        self.host = f"unix://{self.socket}"
        self.log = directory / "baleend.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.flags: list[str] = []
        self.prefix: list[str] = []

    # --- life --------------------------------------------------------------------------------

    def open(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for netns in (self.netns, self.outside_netns):
            _run("ip", "netns", "add", netns)
            _run("ip", "-n", netns, "link", "set", "lo", "up")
        _run(
            "ip", "-n", self.netns, "link", "add", "uplink", "type", "veth",
            "peer", "name", "eth0", "netns", self.outside_netns,
        )  # fmt: skip
        for netns, link, address in (
            (self.netns, "uplink", HOST_ADDRESS),
            (self.outside_netns, "eth0", OUTSIDE_ADDRESS),
        ):
            _run("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", link)
            _run("ip", "-n", netns, "link", "set", link, "up")
        _run("ip", "-n", self.netns, "route", "add", "default", "via", OUTSIDE_ADDRESS)
        # Nobody answers for the host's name servers here; that shows at once, not in 5 s.
        for server in _name_servers():
            _run("ip", "-n", self.netns, "route", "add", "unreachable", server)
        self.start()

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        assert self.process is None
        command = leaks.in_netns(
            self.netns,
            *self.prefix,
            str(Path(sys.executable).with_name("baleend")),
            "--debug",
            f"--data-root={self.data_root}",
            f"--exec-root={self.place.exec_root}",
            f"--pidfile={self.directory / 'baleend.pid'}",
            f"--cgroup-parent={self.place.cgroup_parent}",
            f"--exec-opt=native.cgroupdriver={self.cgroup_driver}",
            "--bridge=baleen0",
            f"-H={self.host}",
            *self.flags,
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until("the daemon answers", self._answers, timeout_s=180)
        except AssertionError as err:
            raise AssertionError(f"{err}\n{self.log_tail()}") from err

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(
                f"baleend ended with {self.process.returncode}:\n{self.log_tail()}"
            )
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.api("GET", "/_ping").status == 200
        return False

    def stop(self) -> int:
        """Ask the daemon to end, as systemd does; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(TIMEOUT_S)
        self.process = None
        return code

    def kill9(self) -> None:
        """Kill the daemon as a crash would; its zygote and supervisors see it by themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(TIMEOUT_S)
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """End everything of this bed, whatever state it is in."""
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.remove_everything()
            with contextlib.suppress(Exception):
                self.stop()
        if self.process is not None:
            self.kill9()
        snapshot = leaks.take(self.place, None)
        for pid in snapshot.processes:
            if pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for netns in (self.netns, self.outside_netns):
            subprocess.run(["ip", "netns", "delete", netns], capture_output=True, check=False)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            point = line.split()[4]
            if point.startswith(str(self.directory)):
                subprocess.run(["umount", "-l", point], capture_output=True, check=False)
        name = self.place.cgroup_parent.strip("/")
        for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]:
            for directory, _, _ in os.walk(top / name, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def log_tail(self, lines: int = 60) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    # --- talking to it -------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        config = self.directory / "docker-config"
        config.mkdir(exist_ok=True)
        return {**keep, "DOCKER_HOST": self.host, "DOCKER_CONFIG": str(config), "HOME": "/root"}

    def docker(
        self,
        *arguments: str,
        check: bool = True,
        stdin: bytes = b"",
        timeout_s: float = TIMEOUT_S,
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `docker` command; with `check`, fail unless it ends with 0."""
        done = subprocess.run(
            ["docker", *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment(),
            timeout=timeout_s,
            check=False,
        )
        result = subprocess.CompletedProcess(
            done.args,
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )
        if check and result.returncode:
            raise AssertionError(
                f"docker {' '.join(arguments)} ended with {result.returncode}: "
                f"{result.stdout}{result.stderr}\n--- daemon\n{self.log_tail(30)}"
            )
        return result

    def out(self, *arguments: str, stdin: bytes = b"") -> str:
        """Return what the command prints, without the final newline."""
        return self.docker(*arguments, stdin=stdin).stdout.rstrip("\n")

    def fails(self, *arguments: str, code: int = 1) -> str:
        """Return the message of a command that has to fail with that code."""
        done = self.docker(*arguments, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stderr

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a `docker` command with pipes for its streams."""
        return subprocess.Popen(
            ["docker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
        )

    def terminal(self, *arguments: str, rows: int = 24, columns: int = 80) -> Terminal:
        """Start a `docker` command on a pseudo terminal."""
        return Terminal(["docker", *arguments], self.environment(), rows, columns)

    def client(self) -> docker.DockerClient:
        """Return docker-py's client; the caller closes it."""
        return docker.DockerClient(base_url=self.host, timeout=TIMEOUT_S)

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Make one request; `body` is sent as JSON unless it is bytes."""
        connection = _UnixConnection(str(self.socket), timeout_s)
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def inspect(self, reference: str) -> dict[str, Any]:
        answer = self.api("GET", f"/containers/{reference}/json")
        assert answer.status == 200, answer
        return answer.json()

    def state(self, reference: str) -> dict[str, Any]:
        return self.inspect(reference)["State"]

    def wait_for_status(self, reference: str, status: str) -> dict[str, Any]:
        return wait_until(
            f"{reference} is {status}",
            lambda: (state := self.state(reference))["Status"] == status and state,
        )

    def wait_for_log(self, reference: str, text: str) -> None:
        wait_until(
            f"{text!r} in the log of {reference}",
            lambda: text in (done := self.docker("logs", reference)).stdout + done.stderr,
        )

    # --- namespaces ------------------------------------------------------------------------------

    def inside(self, *command: str, check: bool = True) -> str:
        """Run a program in the daemon's network namespace."""
        return _run(*leaks.in_netns(self.netns, *command), check=check)

    def outside(self, *command: str, check: bool = True) -> str:
        """Run a program on the neighbouring host."""
        return _run(*leaks.in_netns(self.outside_netns, *command), check=check)

    def fetch(self, address: str, port: int, *, outside: bool = False) -> str:
        """Return the body of http://address:port/ as that side sees it; "" when refused."""
        run = self.outside if outside else self.inside
        return run(sys.executable, "-S", "-c", _FETCH, address, str(port), check=False)

    # --- clean-up between tests ------------------------------------------------------------------

    def inventory(self) -> dict[str, set[str]]:
        """Return the names of what a test may have made."""
        networks = self.api("GET", "/networks").json()
        volumes = self.api("GET", "/volumes").json()["Volumes"] or []
        images = self.api("GET", "/images/json").json()
        return {
            "containers": {item["Id"] for item in self.api("GET", "/containers/json?all=1").json()},
            "networks": {item["Id"] for item in networks},
            "volumes": {item["Name"] for item in volumes},
            "images": {tag for item in images for tag in item["RepoTags"] or [item["Id"]]},
        }

    def remove_everything(self, kept: dict[str, set[str]] | None = None) -> None:
        """Remove all objects that are not among the kept ones, through the API."""
        now = self.inventory()
        kept = kept or {"images": now["images"], "networks": _predefined(self)}
        for kind, path in (
            ("containers", "/containers/{}?force=1&v=1"),
            ("networks", "/networks/{}"),
            ("volumes", "/volumes/{}?force=1"),
            ("images", "/images/{}?force=1"),
        ):
            for name in now[kind] - kept.get(kind, set()):
                answer = self.api("DELETE", path.format(name))
                assert answer.status in (200, 204, 404, 409), (kind, name, answer)
        assert self.api("POST", "/build/prune?all=1").status == 200


def _predefined(bed: Bed) -> set[str]:
    return {
        item["Id"]
        for item in bed.api("GET", "/networks").json()
        if item["Name"] in ("bridge", "host", "none")
    }


class Answer:
    """One answer of the API."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return self.json()["message"]

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:400]!r}>"


class Terminal:
    """A program on its own pseudo terminal, driven by what it prints."""

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], rows: int, columns: int
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.output = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def expect(self, text: bytes, *, timeout_s: float = 15.0) -> bytes:
        """Read until `text` was printed; returns everything up to it and forgets that."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output:
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{text!r} was not printed, only {self.output!r}")
        before, _, self.output = self.output.partition(text)
        return before + text

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError as err:
            if err.errno == errno.EIO:  # the last user of the other end is gone
                return False
            raise
        self.output += data
        return bool(data)

    def wait(self, timeout_s: float = 15.0) -> int:
        """Read to the end, close, and return the exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(max(0.0, deadline - time.monotonic())):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        finally:
            self.close()

    def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _name_servers() -> list[str]:
    words = [line.split() for line in Path("/etc/resolv.conf").read_text().splitlines()]
    servers = {word[1] for word in words if word[:1] == ["nameserver"] and len(word) > 1}
    return sorted(s for s in servers if ":" not in s and not s.startswith("127."))


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


_FETCH = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as s:
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    data = b""
    while chunk := s.recv(65536):
        data += chunk
sys.stdout.write(data.partition(b"\\r\\n\\r\\n")[2].decode())
"""


def running(kind: Callable[[Path], _Kind]) -> Iterator[_Kind]:
    """Give a running daemon in a bed that `kind` makes, for a fixture."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    if shutil.which("docker") is None:
        pytest.skip("needs the docker command as client")
    # Not below pytest's own directories: paths of unix sockets have to be short.
    bed = kind(Path("/tmp") / f"b{secrets.token_hex(3)}")
    try:
        bed.open()
        # What is made once and kept (compiled seccomp programs, open databases) is made now.
        bed.docker("run", "--rm", "busybox", "true")
        yield bed
    finally:
        bed.close()
