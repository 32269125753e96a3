"""Push and pull for `bench.images`, through the same registry for each daemon.

A registry runs in a daemon's network namespace, so that it is on the daemon's loopback, which needs
no certificate. It is a program of its own for each call, whose start is not timed: a push finds it
empty each time. What is pulled has been pushed by our daemon, in gzip layers; all daemons pull the
same bytes from the same directory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from typing import TYPE_CHECKING

from bench.lean_http import Failed
from bench.subjects import pause

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.lean_http import Connection
    from bench.subjects import Subject

__all__ = ["SERVERS", "gzipped", "pull", "push", "served", "servers"]

SERVERS = {"debian": "docker-registry 2.8", "ours": "baleen registry serve"}
_ADDRESS = "127.0.0.1:5000"
_READY_S = 20.0
# Docker's clients always send it; without credentials it is `{}`.
_AUTH = "X-Registry-Auth: e30=\r\n"
_PROBE = """
import socket, sys
with socket.socket() as s:
    sys.exit(s.connect_ex(("127.0.0.1", 5000)) != 0)
"""


def servers() -> list[str]:
    """Return the registries that can be had here: Debian's first, as it is nobody's own."""
    return list(SERVERS) if shutil.which("docker-registry") else ["ours"]


def _command(server: str, place: Path) -> list[str]:
    if server == "ours":
        options = ["registry", "serve", "--data", str(place), "--addr", _ADDRESS]
        return [sys.executable, "-m", "baleen.cli.main", *options]
    place.mkdir(exist_ok=True)
    config = place.with_suffix(".yml")
    config.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {place}}}}}\nhttp: {{addr: '{_ADDRESS}'}}\n"
    )
    return ["docker-registry", "serve", str(config)]


@contextlib.contextmanager
def served(subject: Subject, server: str, place: Path) -> Iterator[None]:
    """Run a registry with its data in `place`, on the daemon's loopback."""
    enter = ["nsenter", f"--net=/run/netns/{subject.netns}"]
    process = subprocess.Popen(
        [*enter, *_command(server, place)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    subject.strangers.add(process.pid)
    try:
        deadline = time.monotonic() + _READY_S
        while subprocess.run([*enter, sys.executable, "-S", "-c", _PROBE], check=False).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{SERVERS[server]} does not listen")
            pause(0.02)
        yield
    finally:
        process.terminate()
        process.wait()
        subject.strangers.discard(process.pid)


def gzipped(archive: Path, target: Path) -> None:
    """Write `archive` again, its layers compressed as a registry usually has them."""
    with tarfile.open(archive) as source, tarfile.open(target, "w") as tar:
        for info in source:
            file = source.extractfile(info)
            assert file is not None
            data = file.read()
            if info.name.endswith("/layer.tar"):
                data = gzip.compress(data, 1, mtime=0)
            packed = tarfile.TarInfo(info.name)
            packed.size = len(data)
            tar.addfile(packed, io.BytesIO(data))


def _asked(connection: Connection, path: str) -> None:
    """POST; the answer's last line says whether it worked."""
    connection.send("POST", path, headers=_AUTH)
    status, headers = connection.read_head()
    body = connection.read_body(status, headers)
    if status != 200 or b'"errorDetail"' in body:
        raise Failed(f"POST {path}: {status} {body[-300:]!r}")


def push(subject: Subject, image: str) -> float:
    """Push `image` to the registry on loopback; returns seconds."""
    name = f"{_ADDRESS}/{image.partition(':')[0]}"
    with subject.connect() as connection:
        connection.request("POST", f"/images/{image}/tag?repo={name}&tag=p")
        begin = time.perf_counter()
        _asked(connection, f"/images/{name}/push?tag=p")
        elapsed = time.perf_counter() - begin
        connection.request("DELETE", f"/images/{name}:p")
    return elapsed


def pull(subject: Subject, image: str) -> float:
    """Pull what was pushed as `image`, which must not be here; returns seconds."""
    name = f"{_ADDRESS}/{image.partition(':')[0]}"
    with subject.connect() as connection:
        begin = time.perf_counter()
        _asked(connection, f"/images/create?fromImage={name}&tag=p")
        elapsed = time.perf_counter() - begin
        found = json.loads(connection.request("GET", f"/images/{name}:p/json"))
        assert found["RootFS"]["Layers"], found
        connection.request("DELETE", f"/images/{name}:p?force=1")
    return elapsed
