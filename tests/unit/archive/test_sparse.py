"""Sparse files in the four forms that GNU tar writes, and maps that lie."""

import os
import shutil
import subprocess

import pytest

from baleen.archive.apply import apply_layer
from baleen.archive.sparse import SEGMENTS_LIMIT, check_map, old_map, pax_map, read_pax_map
from baleen.errors import InvalidArgument

FORMS = [
    ["--format=gnu"],
    *(["--format=posix", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0")),
]


@pytest.fixture
def holes(tmp_path):
    """A file of 60 segments between holes, with one at its end."""
    with (tmp_path / "holes").open("wb") as file:
        for number in range(60):
            file.seek(number * 16384)
            file.write(b"%03d" % number * 1000)
        file.truncate((1 << 20) + 777)
    return tmp_path


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[-1].rpartition("=")[2])
@pytest.mark.parametrize("chunk", [1 << 20, 100])
def test_what_gnu_tar_writes_is_read(holes, form, chunk):
    program = shutil.which("tar")
    assert program
    (holes / "after").write_bytes(b"after")
    data = subprocess.run(
        [program, "-S", *form, "-c", "holes", "after"], cwd=holes, capture_output=True, check=True
    ).stdout
    assert len(data) < 400_000
    out = holes / "out"
    out.mkdir()
    fd = os.open(out, os.O_RDONLY)
    try:
        size = apply_layer(fd, [], [data[i : i + chunk] for i in range(0, len(data), chunk)])
    finally:
        os.close(fd)
    assert sorted(os.listdir(out)) == ["after", "holes"]
    assert (out / "after").read_bytes() == b"after"
    assert (out / "holes").read_bytes() == (holes / "holes").read_bytes()
    assert (out / "holes").stat().st_blocks * 512 < 500_000
    assert size == (1 << 20) + 777 + 5


@pytest.mark.parametrize(
    ("segments", "real", "stored"),
    [
        ([(0, 10), (5, 5)], 100, 15),
        ([(90, 11)], 100, 11),
        ([(0, 10)], 100, 9),
        ([(50, 1), (0, 1)], 100, 2),
        ([(n, 0) for n in range(SEGMENTS_LIMIT + 1)], 1 << 20, 0),
    ],
    ids=["overlap", "outside", "other size", "descending", "too many"],
)
def test_maps_that_lie_are_refused(segments, real, stored):
    with pytest.raises(InvalidArgument, match="sparse"):
        check_map(segments, real, stored)


def test_empty_segments_say_nothing():
    assert check_map([(0, 1), (100, 0)], 100, 1) == [(0, 1)]


@pytest.mark.parametrize("text", [b"1", b"1,2,3", b"a,b", b"1,,2"])
def test_bad_records_are_refused(text):
    with pytest.raises(InvalidArgument, match="sparse"):
        pax_map({b"GNU.sparse.map": text})


def test_records_of_other_forms_have_no_map():
    assert pax_map({b"GNU.sparse.major": b"1"}) is None
    assert pax_map({b"GNU.sparse.map": b""}) == []


@pytest.mark.parametrize("text", [b"x\n", b"9" * 30, b"999999999\n", b"1\n5\n\n"])
def test_a_bad_map_before_the_data_is_refused(text):
    with pytest.raises(InvalidArgument, match="sparse"):
        read_pax_map(lambda size: text.ljust(size, b"\0"))


def test_the_map_before_the_data_tells_what_it_took():
    blocks = iter([(b"2\n0\n5\n100\n7\n").ljust(512, b"\0")])
    assert read_pax_map(lambda size: next(blocks)) == ([(0, 5), (100, 7)], 512)


def test_the_old_map_ends_with_an_empty_field():
    header = bytearray(512)
    header[386:410] = b"00000000012\0" + b"00000000003\0"
    header[482] = 1
    assert old_map(bytes(header), lambda field: int(field.strip(b"\0"), 8)) == ([(10, 3)], True)
