"""A context as it arrives: an archive, or a lone Dockerfile, told apart by the first bytes."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from typing import TYPE_CHECKING

from baleen.archive.compression import decompress
from baleen.build.files.archive_tree import ArchiveTree, read_archive, single_file
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from baleen.archive.limits import Limits
    from baleen.linux.fd import Fd

__all__ = ["read_context"]

_BLOCK = 512
_DOCKERFILE_LIMIT = 2 << 20


def read_context(
    chunks: Iterable[bytes], spool: Callable[[], Fd], limits: Limits
) -> tuple[ArchiveTree, bool]:
    """Return the context's tree, and whether it is nothing but a Dockerfile.

    Raises:
        InvalidArgument: an archive that is malformed, an empty stream, or neither.
        ResourceExhausted: a limit is crossed, or no space.
    """
    stream = decompress(chunks, limits)
    head = b""
    for chunk in stream:
        head += chunk
        if len(head) >= _BLOCK:
            break
    whole = itertools.chain((head,), stream)
    if not head:
        raise InvalidArgument("the build context is empty")
    if _is_text(head):
        return _dockerfile(whole, spool()), True
    return read_archive(whole, spool(), limits=limits), False


def _is_text(head: bytes) -> bool:
    """Whether it is a text: every tar header has zeros within its first 512 bytes."""
    return b"\0" not in head[:_BLOCK]


def _dockerfile(chunks: Iterator[bytes], spool: Fd) -> ArchiveTree:
    data = b""
    try:
        for chunk in chunks:
            data += chunk
            if len(data) > _DOCKERFILE_LIMIT:
                raise InvalidArgument(
                    "the build context is no archive, and too large for a Dockerfile"
                )
        os.write(spool.fileno(), data)
    except BaseException:
        spool.close()
        raise
    return single_file(
        b"Dockerfile",
        spool,
        mode=0o644,
        size=len(data),
        mtime_ns=time.time_ns(),
        digest=hashlib.sha256(data).digest(),
    )
