"""The daemons that are measured: each private, in a network namespace of its own.

Nothing of the host's own Docker is used or touched: own roots, socket, bridge and cgroup parent.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from bench.lean_http import Connection, Failed

READY_S = 60.0


def pause(seconds: float) -> None:
    select.select([], [], [], seconds)


class Subject:
    """One daemon; subclasses say how it is started."""

    name = ""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.token = secrets.token_hex(3)
        self.netns = f"bench{self.token}"
        self.cgroup_parent = f"/bench-{self.token}"
        self.socket = str(directory / "api.sock")
        self.process: subprocess.Popen[bytes] | None = None
        self.strangers: set[int] = set()
        """Processes in its network namespace that are none of the daemon's."""

    def command(self) -> list[str]:
        raise NotImplementedError

    # --- life --------------------------------------------------------------------------------

    def open(self) -> None:
        self.directory.mkdir(parents=True)
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        subprocess.run(["ip", "-n", self.netns, "link", "set", "lo", "up"], check=True)
        self.start()
        self.provide_image()

    def start(self) -> float:
        """Start the daemon; returns the seconds until it answers."""
        with (self.directory / "log").open("ab") as log:
            begin = time.perf_counter()
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.netns}", *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while True:
            with contextlib.suppress(OSError, Failed), self.connect() as connection:
                connection.request("GET", "/_ping")
                return time.perf_counter() - begin
            if self.process.poll() is not None or time.perf_counter() - begin > READY_S:
                tail = (self.directory / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} did not come up:\n{tail}")
            pause(0.002)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.remove_containers()
        self.stop()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", self.netns], check=False, capture_output=True)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            point = line.split()[4]
            if point.startswith(str(self.directory)):
                subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        for top in [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]:
            for directory, _, _ in os.walk(top / self.cgroup_parent.strip("/"), topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- use -----------------------------------------------------------------------------------

    def connect(self) -> Connection:
        return Connection(self.socket)

    def docker(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.directory),
        }
        return subprocess.run(
            ["docker", *arguments], env=environment, capture_output=True, check=True
        )

    def inside(self, *command: str) -> str:
        """Run a program in the daemon's network namespace."""
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.netns}", *command],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def remove_containers(self) -> None:
        with self.connect() as connection:
            for item in connection.json("GET", "/containers/json?all=1"):
                connection.request("DELETE", f"/containers/{item['Id']}?force=1&v=1")

    def provide_image(self) -> None:
        """Make sure that `busybox` is there."""
        with self.connect() as connection:
            try:
                connection.request("GET", "/images/busybox/json")
            except Failed:
                connection.request(
                    "POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", busybox_archive()
                )

    # --- memory ----------------------------------------------------------------------------------

    def processes(self) -> list[int]:
        """Return the daemon and all its helpers: what lives in its network namespace.

        Containers have namespaces of their own, so their processes are not counted.
        """
        try:
            own = os.stat(f"/run/netns/{self.netns}").st_ino
        except FileNotFoundError:
            return []
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdecimal() and os.stat(f"/proc/{name}/ns/net").st_ino == own:
                    found.append(int(name))
        return found

    def pss_mb(self) -> float:
        """Return the proportional memory of all those processes in MB (10^6 bytes)."""
        total = 0
        for pid in self.processes():
            if pid in self.strangers:
                continue
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total / 1e6


class Baleend(Subject):
    """This repository's daemon."""

    name = "baleend"

    def command(self) -> list[str]:
        return [
            str(Path(sys.executable).with_name("baleend")),
            f"--data-root={self.directory}/data",
            f"--exec-root={self.directory}/run",
            f"--pidfile={self.directory}/pid",
            f"--cgroup-parent={self.cgroup_parent}",
            "--bridge=baleen0",
            f"-H=unix://{self.socket}",
        ]


class Dockerd(Subject):
    """The distribution's dockerd, which starts its own containerd."""

    name = "dockerd"

    @staticmethod
    def path() -> str | None:
        return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

    def command(self) -> list[str]:
        return [
            str(self.path()),
            f"--data-root={self.directory}/data",
            f"--exec-root={self.directory}/run",
            f"--pidfile={self.directory}/pid",
            f"--cgroup-parent={self.cgroup_parent}",
            f"-H=unix://{self.socket}",
            "--log-level=error",
        ]


def busybox_archive() -> bytes:
    """Return a tar of the host's static busybox with all its applets linked."""
    program = shutil.which("busybox")
    if program is None:
        raise RuntimeError("the peer needs busybox (Debian package busybox-static)")
    names = subprocess.run(
        [program, "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for directory in ("bin", "etc", "tmp", "root"):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        body = Path(program).read_bytes()
        info = tarfile.TarInfo("bin/busybox")
        info.size, info.mode = len(body), 0o755
        tar.addfile(info, io.BytesIO(body))
        for name in names:
            if name != "busybox":
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
    return data.getvalue()
