"""The request of a build and its answer.

Our own engine takes everything in one body of frames and answers in frames; another engine gets
Docker's request, and what it cannot know is refused here.

See: docs/build.md, "The body of Baleen's own client".
"""

from __future__ import annotations

import json

from baleen.cli.building.context import Source, directory_tar
from baleen.cli.copying.tar_writer import tar_header
from baleen.client.build_stream import (
    AGENT,
    CONTENT_TYPE,
    DATA,
    MESSAGE,
    PRELUDE,
    frame,
    read_frames,
)
from baleen.client.jsonstream import decode_json
from baleen.errors import DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.client.client import EngineClient, Response
    from baleen.client.models import JsonObject, QueryValue

__all__ = ["answer_frames", "classic_upload", "is_ours", "own_upload", "request_build"]

_INJECTED = ".dockerfile.baleen"


def is_ours(client: EngineClient) -> bool:
    """Whether the engine is Baleen's, which knows our frames."""
    headers = client.server_headers if client.api_version else {}
    if not headers:  # the version was given, so nobody has asked yet
        answer = client.request("GET", "/_ping")
        answer.read(64)
        headers = answer.head.headers
    server = headers.get("server", "")
    return server.startswith("Baleen/")


def own_upload(document: JsonObject, source: Source, folders: list[str]) -> Iterator[bytes]:
    """The body of our own content type, but for agents."""
    yield frame(PRELUDE, json.dumps(document, ensure_ascii=False).encode())
    if not source.remote:
        yield from _framed(_context(source))
    for folder in folders:
        yield from _framed(directory_tar(folder, ""))


def _context(source: Source) -> Iterator[bytes]:
    if source.pieces is not None:
        yield from source.pieces
    elif source.directory:
        yield from directory_tar(source.directory, "" if source.text else source.dockerfile)
    else:
        yield bytes(1024)  # an empty archive: the Dockerfile came alone


def _framed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if piece:
            yield frame(DATA, piece)
    yield frame(DATA, b"")


def classic_upload(source: Source) -> Iterator[bytes]:
    """The tar of Docker's request; a Dockerfile from elsewhere lies in it under a made-up name."""
    if source.text is not None:
        data = source.text.encode()
        name = _INJECTED.encode()
        yield tar_header(name, kind=b"0", mode=0o600, size=len(data))
        yield data + bytes(-len(data) % 512)
        source.dockerfile = _INJECTED
    if source.pieces is not None or source.directory:
        yield from _context(source)
    else:
        yield bytes(1024)


def request_build(
    client: EngineClient,
    query: dict[str, QueryValue],
    upload: Iterator[bytes] | None,
    *,
    registries: str,
    ours: bool,
    keep_open: bool = False,
) -> Response:
    """Send the request; returns when the engine's answer begins.

    With `keep_open`, more can be sent after the upload: what agents answer.
    """
    headers = {"X-Registry-Config": registries} if registries else {}
    headers["Content-Type"] = CONTENT_TYPE if ours else "application/x-tar"
    return client.request(
        "POST", "/build", query, upload=upload, headers=headers, keep_open=keep_open
    )


def answer_frames(pieces: Iterator[bytes]) -> Iterator[tuple[int, JsonObject | bytes]]:
    """(MESSAGE, object), (DATA, bytes) and (AGENT, bytes) of an answer in frames."""
    for kind, payload in read_frames(pieces):
        if kind == MESSAGE:
            message = decode_json(payload)
            if not isinstance(message, dict):
                raise DataLoss("the engine's answer to the build is malformed")
            yield kind, message
        elif kind in (DATA, AGENT):
            yield kind, payload
