"""A08: bombs as a build's context, and in it for ADD to unpack."""

from __future__ import annotations

import contextlib
import stat
import tarfile
import zlib
from pathlib import Path

import pytest
from attack_lab import Layer, build, files, memory_stays, upload, within

pytestmark = pytest.mark.integration

ZEROS = bytes(1 << 20)


def gzip_of(head: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(head), *(packer.compress(ZEROS) for _ in range(mebibytes))]
    return b"".join([*pieces, packer.flush()])


def one_large_file() -> bytes:
    info = tarfile.TarInfo("zeros")
    info.size = 4 << 30
    return gzip_of(info.tobuf(), 300)


def test_a_context_that_is_a_bomb(engine):
    before = held(engine)
    with memory_stays(engine.pid, 100 << 10), within(20.0):
        answer = upload(engine, "POST", "/build", one_large_file())
    assert b"max_ratio" in answer.body, answer
    assert held(engine) == before
    assert engine.api("GET", "/_ping").status == 200


def test_an_archive_that_add_unpacks(engine):
    context = bytes(files(bomb=one_large_file()))
    before = held(engine)
    with memory_stays(engine.pid, 100 << 10), within(20.0):
        answer = build(engine, "FROM busybox\nADD bomb /x/\n", context)
    assert b"max_ratio" in answer.body, answer
    assert held(engine) == before
    assert engine.api("GET", "/_ping").status == 200


def test_names_within_names_within_names(engine):
    """Depth costs neither the daemon's stack nor its descriptors."""
    context = bytes(Layer().file("/".join(["d"] * 2000) + "/f", b"x"))
    answer = build(engine, "FROM busybox\nCOPY . /x/\n", context)
    assert b"Successfully built" in answer.body or b'"error"' in answer.body, answer
    assert engine.api("GET", "/_ping").status == 200


def held(engine) -> int:
    """Return the bytes of nameless files that the daemon holds: the disk has them, no folder."""
    found = 0
    for entry in Path(f"/proc/{engine.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            info = entry.stat()
            found += info.st_size if stat.S_ISREG(info.st_mode) and not info.st_nlink else 0
    return found
