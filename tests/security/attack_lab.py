"""What attack and fault tests are made with: layers from bytes, images, canaries, memory readings.

Images are loaded through the API, as a stranger's would be; nothing is downloaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import os
import socket
import struct
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bed import TIMEOUT_S, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bed import Bed

PLAIN = {"Image": "busybox"}


class Layer:
    """A tar archive with any entry that one can think of; `bytes(layer)` is the archive."""

    def __init__(self) -> None:
        self._data = io.BytesIO()
        self._tar = tarfile.open(  # noqa: SIM115
            fileobj=self._data, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape"
        )

    def add(self, name: str, type: bytes, data: bytes = b"", **fields: Any) -> Layer:  # noqa: A002
        info = tarfile.TarInfo(name)
        info.type = type
        info.mode = 0o755
        for key, value in fields.items():
            setattr(info, key, value)
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))
        return self

    def file(self, name: str, data: bytes = b"x", **fields: Any) -> Layer:
        return self.add(name, tarfile.REGTYPE, data, **fields)

    def directory(self, name: str, **fields: Any) -> Layer:
        return self.add(name, tarfile.DIRTYPE, **fields)

    def symlink(self, name: str, target: str) -> Layer:
        return self.add(name, tarfile.SYMTYPE, linkname=target)

    def hardlink(self, name: str, target: str, **fields: Any) -> Layer:
        return self.add(name, tarfile.LNKTYPE, linkname=target, **fields)

    def character(self, name: str, major: int, minor: int) -> Layer:
        return self.add(name, tarfile.CHRTYPE, devmajor=major, devminor=minor)

    def block(self, name: str, major: int, minor: int) -> Layer:
        return self.add(name, tarfile.BLKTYPE, devmajor=major, devminor=minor)

    def fifo(self, name: str) -> Layer:
        return self.add(name, tarfile.FIFOTYPE)

    def __bytes__(self) -> bytes:
        if not self._tar.closed:
            self._tar.close()
        return self._data.getvalue()


def files(**contents: bytes) -> Layer:
    layer = Layer()
    for name, data in contents.items():
        layer.file(name, data)
    return layer


def archive(contents: dict[str, bytes]) -> bytes:
    """Return a tar of plain files, such as `docker save` makes."""
    layer = Layer()
    for name, data in contents.items():
        layer.file(name, data, mode=0o644)
    return bytes(layer)


def image_archive(
    name: str, layers: list[bytes], config: dict[str, Any] | None, /, **document: Any
) -> bytes:
    """Return what `docker load` takes; `document` replaces members of the image's document."""
    contents = {f"{number}.tar": layer for number, layer in enumerate(layers)}
    whole = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
        },
        **document,
    }
    rows = [{"Config": "config.json", "RepoTags": [name], "Layers": list(contents)}]
    contents["config.json"] = json.dumps(whole).encode()
    contents["manifest.json"] = json.dumps(rows).encode()
    return archive(contents)


def busybox_layers(engine: Bed) -> list[bytes]:
    """Return the layers of the embedded image, as a user would get them."""
    saved = engine.api("GET", "/images/busybox/get").body
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:
        rows = json.load(_member(tar, "manifest.json"))
        return [_member(tar, path).read() for path in rows[0]["Layers"]]


def _member(tar: tarfile.TarFile, name: str) -> Any:
    member = tar.extractfile(name)
    assert member is not None
    return member


def upload(engine: Bed, method: str, path: str, data: bytes) -> Answer:
    """Send an archive; the answer may come, and the connection close, before all was sent."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(str(engine.socket))
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(head.encode() + data)
        response = http.client.HTTPResponse(client, method=method)
        response.begin()
        return Answer(response.status, dict(response.getheaders()), response.read())


def load(engine: Bed, data: bytes) -> Answer:
    return upload(engine, "POST", "/images/load?quiet=1", data)


def load_error(engine: Bed, data: bytes) -> str:
    """Load what has to be refused; returns the message."""
    answer = load(engine, data)
    text = answer.body.decode()
    assert answer.status >= 400 or '"error"' in text, answer
    return text


def image(engine: Bed, *layers: Layer | bytes, name: str = "attack:1", **config: Any) -> str:
    """Load an image of busybox with more layers on top; returns its name."""
    data = [*busybox_layers(engine), *(bytes(layer) for layer in layers)]
    answer = load(engine, image_archive(name, data, {"Cmd": ["sh"], **config}))
    assert answer.status == 200, answer
    assert b'"error"' not in answer.body, answer
    return name


def put(engine: Bed, container: str, path: str, data: bytes, flags: str = "") -> Answer:
    target = f"/containers/{container}/archive?path={quote(path, safe='')}{flags}"
    return upload(engine, "PUT", target, data)


def build(engine: Bed, dockerfile: str, context: bytes) -> Answer:
    """Build an image; the Dockerfile is put before the archive that is the context."""
    text = dockerfile.encode()
    entry = bytes(files(Dockerfile=text))[: 512 + len(text) + -len(text) % 512]
    return upload(engine, "POST", "/build?nocache=1", entry + context)


def run(engine: Bed, *command: str, image: str = "busybox", **host: Any) -> tuple[int, str]:
    """Run a command to its end by the API; returns its exit code and what it wrote.

    A container that cannot be made or started is code -1 with the message.
    """
    config = host.pop("config", {})
    body = {"Image": image, "Cmd": list(command), "Tty": True, **config, "HostConfig": host}
    made = engine.api("POST", "/containers/create", body)
    if made.status != 201:
        return -1, made.message
    container = made.json()["Id"]
    try:
        started = engine.api("POST", f"/containers/{container}/start")
        if started.status != 204:
            return -1, started.message
        code = engine.api("POST", f"/containers/{container}/wait").json()["StatusCode"]
        logs = engine.api("GET", f"/containers/{container}/logs?stdout=1&stderr=1")
        data = logs.body if body["Tty"] else _unframed(logs.body)
        return code, data.decode(errors="surrogateescape").replace("\r\n", "\n")
    finally:
        engine.api("DELETE", f"/containers/{container}?force=1&v=1")


def _unframed(data: bytes) -> bytes:
    """Return what both streams hold. See: Engine API, /containers/{id}/attach, Stream format."""
    found = b""
    while data:
        size = int.from_bytes(data[4:8], "big")
        found += data[8 : 8 + size]
        data = data[8 + size :]
    return found


def lines(text: str) -> dict[str, str]:
    """Return `name: value` lines as a dictionary."""
    return {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in text.splitlines())
    }


@contextlib.contextmanager
def canary(directory: Path) -> Iterator[Path]:
    """A host file and directory that nobody may touch; checked at the end."""
    directory.mkdir(parents=True)
    (directory / "kept").write_text("host\n")
    (directory / "kept").chmod(0o640)
    before = _tree(directory)
    yield directory
    assert _tree(directory) == before, "the host's canary was touched"


def _tree(directory: Path) -> dict[str, tuple[int, ...]]:
    found = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        info = path.lstat()
        found[str(path)] = (
            info.st_ino, info.st_mode, info.st_uid, info.st_gid, info.st_nlink, info.st_size,
        )  # fmt: skip
    return found


def rss_kib(pid: int) -> int:
    return _status_kib(pid, "VmRSS")


def _status_kib(pid: int, field: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    raise AssertionError(f"no {field}")


@contextlib.contextmanager
def memory_stays(pid: int, grows_kib: int) -> Iterator[None]:
    """The peak of the process may not grow by more than that meanwhile."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    before = rss_kib(pid)
    yield
    grown = _status_kib(pid, "VmHWM") - before
    assert grown <= grows_kib, f"the daemon's memory grew by {grown} KiB"


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    taken = time.monotonic() - started
    assert taken <= seconds, f"took {taken:.3f} s, more than {seconds} s"


def euid_program() -> bytes:
    """Return a static program whose exit code is the low byte of its effective user id."""
    code = bytes.fromhex(
        {
            "x86_64": "b86b0000000f0589c7b83c0000000f05",
            "aarch64": "e81580d2010000d4a80b80d2010000d4",
        }[os.uname().machine]
    )
    machine = {"x86_64": 62, "aarch64": 183}[os.uname().machine]
    base, start = 0x400000, 64 + 56
    size = start + len(code)
    return (
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
        + struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
        + code
    )
