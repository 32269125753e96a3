"""What tests of whole builds ask a daemon for: requests, their streams, and running steps."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from bed import Bed, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_S = 60


@dataclass
class Answer:
    """What `/build` said.

    Attributes:
        status: of HTTP; 200 says nothing about the build.
        output: what it printed.
        error: why it failed, or "".
        image: the image's id, or "".
    """

    status: int
    output: str = ""
    error: str = ""
    image: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)


def context(files: Mapping[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def dockerfile(*lines: str, **files: bytes | str) -> bytes:
    """Return a context of these lines as its Dockerfile, and of files."""
    return context({"Dockerfile": "\n".join(lines) + "\n", **files})


@contextlib.contextmanager
def request(bed: Bed, body: bytes, **query: str) -> Iterator[socket.socket]:
    """Send a build's request whole; the answer is there to be read."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(str(bed.socket))
        head = (
            f"POST /build?{urlencode({'version': '1', **query})} HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/x-tar\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(head.encode() + body)
        yield client


def build(bed: Bed, body: bytes, **query: str) -> Answer:
    """Build and read the answer to its end; a stream that breaks off raises."""
    with request(bed, body, **query) as client:
        return read_answer(client)


def read_answer(client: socket.socket) -> Answer:
    with contextlib.closing(http.client.HTTPResponse(client, method="POST")) as response:
        response.begin()
        data = response.read()
    if response.status != 200:
        return Answer(response.status, error=json.loads(data)["message"])
    answer = Answer(200)
    for line in data.splitlines():
        message = json.loads(line)
        answer.messages.append(message)
        answer.output += message.get("stream") or ""
        answer.image = (message.get("aux") or {}).get("ID", answer.image)
        if "errorDetail" in message:
            answer.error = message["errorDetail"]["message"]
    return answer


def built(bed: Bed, body: bytes, **query: str) -> Answer:
    answer = build(bed, body, **query)
    assert answer.error == "", answer
    assert answer.image, answer
    return answer


def processes(mark: str) -> list[int]:
    """Return the processes whose command line has the mark; containers' are seen from here."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", "rb") as file:
                if mark.encode() in file.read():
                    found.append(int(name))
    return found


def wait_for_process(mark: str) -> None:
    wait_until(f"a process with {mark}", lambda: processes(mark), timeout_s=30)


def wait_for_end(mark: str, timeout_s: float = 5.0) -> None:
    wait_until(f"no process with {mark}", lambda: not processes(mark), timeout_s=timeout_s)
