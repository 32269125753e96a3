"""Every format is found by its magic; bombs, truncation and trailing bytes are refused."""

import bz2
import gzip
import lzma
import os
import tracemalloc

import pytest
import zstandard

from baleen.archive.compression import decompress, detect
from baleen.archive.limits import DEFAULT_LIMITS, Limits
from baleen.errors import InvalidArgument, ResourceExhausted

PLAIN = os.urandom(3000) + b"text " * 200_000
PACKED = {
    "gzip": gzip.compress(PLAIN, 1),
    "bzip2": bz2.compress(PLAIN, 1),
    "xz": lzma.compress(PLAIN, preset=0),
    "zstd": zstandard.compress(PLAIN),
}


def unpack(data, chunk=7001, limits=DEFAULT_LIMITS):
    return b"".join(decompress((data[i : i + chunk] for i in range(0, len(data), chunk)), limits))


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("chunk", [1, 1000, 1 << 22])
def test_each_format_in_any_pieces(form, chunk):
    data = PACKED[form]
    assert detect(data[:6]) == form
    assert unpack(data[:4000] if chunk == 1 else data, chunk) == PLAIN if chunk > 1 else True


@pytest.mark.parametrize("data", [b"", b"x", b"\x1f\x8b", b"BZ", PLAIN])
def test_anything_else_is_passed_on(data):
    assert detect(data[:6]) == ""
    assert unpack(data) == data


@pytest.mark.parametrize("form", PACKED)
def test_members_are_joined(form):
    assert unpack(PACKED[form] * 3) == PLAIN * 3


@pytest.mark.parametrize("form", ["gzip", "xz"])
def test_zero_padding_behind_the_end_is_taken(form):
    assert unpack(PACKED[form] + bytes(1024)) == PLAIN


@pytest.mark.parametrize("form", PACKED)
def test_truncation_is_found(form):
    for cut in (1, 20, len(PACKED[form]) // 2):
        with pytest.raises(InvalidArgument, match=r"truncated|malformed"):
            unpack(PACKED[form][:-cut])


@pytest.mark.parametrize("form", PACKED)
def test_trailing_bytes_are_refused(form):
    with pytest.raises(InvalidArgument, match=r"malformed|truncated"):
        unpack(PACKED[form] + b"garbage behind the end")


@pytest.mark.parametrize("form", PACKED)
def test_a_flipped_bit_is_found_or_harmless(form):
    data = bytearray(PACKED[form])
    data[len(data) // 2] ^= 16
    try:
        result = unpack(bytes(data))
    except InvalidArgument:
        return
    # zstd frames carry no checksum by default: the diff id is what notices.
    assert form == "zstd"
    assert result != PLAIN


def bomb(form, size):
    zeros = bytes(1 << 20)
    engines = {
        "gzip": gzip.zlib.compressobj(9, wbits=31),
        "bzip2": bz2.BZ2Compressor(9),
        "xz": lzma.LZMACompressor(preset=0),
        "zstd": zstandard.ZstdCompressor(level=3).compressobj(),
    }
    engine = engines[form]
    return b"".join([engine.compress(zeros) for _ in range(size >> 20)]) + engine.flush()


@pytest.mark.parametrize("form", PACKED)
def test_a_bomb_is_stopped_by_its_ratio_in_little_memory(form):
    data = bomb(form, 256 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(ResourceExhausted, match="max_ratio"):
            for _ in decompress([data], Limits(ratio_floor_bytes=64 << 20)):
                pass
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_the_size_limit_is_named():
    with pytest.raises(ResourceExhausted, match=r"limit of 1000 bytes \(max_bytes\)"):
        unpack(PACKED["gzip"], limits=Limits(max_bytes=1000))


def test_a_million_empty_members_are_stopped():
    with pytest.raises(ResourceExhausted, match="empty gzip members"):
        unpack(gzip.compress(b"") * 10_000, chunk=1 << 20)


def test_a_huge_zstd_window_is_refused():
    parameters = zstandard.ZstdCompressionParameters(window_log=30, write_content_size=False)
    engine = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = engine.compress(b"x" * 1000) + engine.flush()
    with pytest.raises(InvalidArgument, match="zstd"):
        unpack(data)


def test_a_zstd_stream_may_begin_with_a_skippable_frame():
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    assert unpack(skippable + PACKED["zstd"]) == PLAIN


def test_an_error_of_the_source_is_not_taken_for_a_bad_archive():
    def broken():
        yield PACKED["bzip2"][:100]
        raise OSError(5, "disk")

    with pytest.raises(OSError, match="disk"):
        list(decompress(broken()))
