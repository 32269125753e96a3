"""Debian's docker-registry (distribution 2.8) in the network namespace of a test's daemon.

    with DebianRegistry(bed, users={"me": "secret"}) as registry:
        bed.docker("push", f"{registry.authority}/x")

Also how a registry of a test's own gets there: `in_network(bed)` around the making of its socket.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import signal
import subprocess
import tarfile
from typing import TYPE_CHECKING, Self

import leaks
import pytest
from bed import wait_until
from lying_registry import LyingRegistry

from baleen.linux.netns import inside_netns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bed import Bed

NAME = "registry.example"
# By `htpasswd -nbB -C 4`.
_HASHES = {"secret": "$2y$04$GrdW7LLB1wSzWXlCZvxCB.2PQUawvuuYNTDzrth6g6MV42cPWkH/i"}


@contextlib.contextmanager
def in_network(bed: Bed) -> Iterator[None]:
    """Make sockets in the daemon's network namespace, from this thread."""
    there = os.open(f"/run/netns/{bed.netns}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with inside_netns(there):
            yield
    finally:
        os.close(there)


@contextlib.contextmanager
def lying_registry(bed: Bed) -> Iterator[LyingRegistry]:
    """Give a registry that listens in the daemon's network namespace."""
    with in_network(bed):
        registry = LyingRegistry()
        registry.__enter__()
    try:
        yield registry
    finally:
        registry.__exit__()


def tar_of(name: str, size: int = 1000) -> bytes:
    """Return a layer of one file with random bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(os.urandom(size)))
    return buffer.getvalue()


def connections(bed: Bed, port: int) -> list[str]:
    """Return the daemon's open connections to a port."""
    text = bed.inside("ss", "-Htnp", "state", "established", f"dport = :{port}")
    return [line for line in text.splitlines() if f"pid={bed.pid}," in line]


class DebianRegistry:
    """One registry process; `users` (name to a password of ours) turns htpasswd on, `tls` HTTPS."""

    def __init__(
        self,
        bed: Bed,
        *,
        users: dict[str, str] | None = None,
        tls: bool = False,
        address: str = "127.0.0.1",
    ) -> None:
        if shutil.which("docker-registry") is None:
            pytest.skip("needs Debian's docker-registry")
        self.bed = bed
        # Not in the bed's own roots: those are looked through for what was left behind.
        self.directory = bed.directory / f"registry-{secrets.token_hex(3)}"
        self.directory.mkdir()
        self.users, self.tls, self.address = users or {}, tls, address
        self.port = 5000 + secrets.randbelow(20000)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def authority(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def certificate(self) -> Path:
        """The authority that signs this registry's certificate: itself."""
        return self.directory / "cert.pem"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        config = self.directory / "config.yml"
        config.write_text(self._configuration())
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                leaks.in_netns(self.bed.netns, "docker-registry", "serve", str(config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"},
            )
        try:
            wait_until("the registry listens", self._listens)
        except AssertionError as err:
            text = (self.directory / "log").read_text(errors="replace")[-2000:]
            raise AssertionError(f"{err}\n{text}") from err

    def kill(self) -> None:
        """End it as a power cut would; what was acknowledged stays in its directory."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def _listens(self) -> bool:
        listening = self.bed.inside("ss", "-Hltn", f"sport = :{self.port}")
        return bool(listening.strip())

    def _configuration(self) -> str:
        lines = [
            "version: 0.1",
            "log: {level: info}",
            f"storage: {{filesystem: {{rootdirectory: {self.directory}/data}}}}",
            "http:",
            f"  addr: {self.address}:{self.port}",
            "  secret: not-a-secret",
        ]
        if self.tls:
            _run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-keyout",
                str(self.directory / "key.pem"), "-out", str(self.certificate), "-addext",
                f"subjectAltName=DNS:{NAME},IP:{self.address}",
            )  # fmt: skip
            lines += [
                "  tls:",
                f"    certificate: {self.certificate}",
                f"    key: {self.directory}/key.pem",
            ]
        if self.users:
            passwords = self.directory / "htpasswd"
            passwords.write_text(
                "".join(f"{name}:{_HASHES[word]}\n" for name, word in self.users.items())
            )
            lines += ["auth:", "  htpasswd:", "    realm: test", f"    path: {passwords}"]
        return "\n".join(lines) + "\n"


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
