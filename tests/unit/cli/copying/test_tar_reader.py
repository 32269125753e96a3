from __future__ import annotations

import contextlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen import errors
from baleen.cli.copying.tar_reader import TarReader
from baleen.cli.copying.tar_writer import tar_header


def read(data):
    reader = TarReader([data])
    return [(m.name, m.kind, b"".join(p.tobytes() for p in reader.data())) for m in reader]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_tarfile_writes_is_read(form):
    out = io.BytesIO()
    names = ["a", "d/" + "x" * 90, "d" * 100 + "/" + "y" * 50]
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 700
            tar.addfile(info, io.BytesIO(b"z" * 700))
    assert read(out.getvalue()) == [(n.encode(), b"0", b"z" * 700) for n in names]


def test_data_that_is_not_read_is_skipped():
    data = tar_header(b"a", kind=b"0", mode=0, size=5) + b"12345".ljust(512, b"\0")
    data += tar_header(b"b", kind=b"5", mode=0) + bytes(1024)
    assert [m.name for m in TarReader([data])] == [b"a", b"b"]


def broken(change):
    block = bytearray(tar_header(b"a", kind=b"0", mode=0, size=0))
    change(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def put(start, value):
    def change(block):
        block[start : start + len(value)] = value

    return change


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 512,
        b"\x01" * 100,
        broken(put(124, b"9")),
        broken(put(124, b"-1")),
        broken(put(124, b"1_0")),
        broken(put(124, b"\xff" * 12)),
        broken(put(124, b"\x80" + b"\xff" * 11)),
        tar_header(b"x", kind=b"x", mode=0, size=2_000_000),
        tar_header(b"x", kind=b"x", mode=0, size=4) + b"5 ab".ljust(512, b"\0"),
        tar_header(b"x", kind=b"x", mode=0, size=9) + b"9999 a=b\n".ljust(512, b"\0"),
        tar_header(b"x", kind=b"L", mode=0, size=600) + bytes(512),
    ],
)
def test_damaged_archives_are_refused(data):
    with pytest.raises(errors.DataLoss):
        read(data)


@given(st.binary(max_size=1200))
def test_any_bytes_are_read_or_refused(data):
    with contextlib.suppress(errors.DataLoss):
        read(data)
