"""A08: archives that unpack to more than their limit, on the ways into the engine."""

from __future__ import annotations

import gzip
import os
import zlib

import pytest
import zstandard
from attack_lab import load, memory_stays, put, upload, within

pytestmark = pytest.mark.integration

ZEROS = bytes(1 << 20)


def gzip_bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(ZEROS) for _ in range(mebibytes)), packer.flush()])


def huge_window() -> bytes:
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(b"x" * 1000)[:4] + (
        b"\x00\xa8" + b"\x03\x00\x00"  # no single segment; window of 2 GiB; an empty last block
    )


def bombs() -> dict[str, bytes]:
    return {
        "zeros": gzip_bomb(1100),
        "nested": gzip.compress(gzip_bomb(64)),
        "window": huge_window(),
        "empty members": gzip.compress(b"", mtime=0) * 300_000,
    }


@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_is_an_error_that_costs_little(engine, kind):
    data = bombs()[kind]
    engine.docker("create", "--name", "box", "busybox", "true")
    before = _used(engine)
    with memory_stays(engine.pid, 100 << 10), within(9.0):
        for way in (
            lambda: load(engine, data),
            lambda: upload(engine, "POST", "/images/create?fromSrc=-&repo=bomb", data),
            lambda: put(engine, "box", "/tmp", data),
        ):
            answer = way()
            assert answer.status >= 400 or b'"error"' in answer.body, answer
    assert _used(engine) - before < 64 << 20
    assert engine.api("GET", "/_ping").status == 200


def _used(engine) -> int:
    found = os.statvfs(engine.place.data_root)
    return -found.f_bfree * found.f_bsize
