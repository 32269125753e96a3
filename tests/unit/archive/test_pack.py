"""Packing keeps Go's order and gives everything back that it opened."""

import io
import os
import tarfile

import pytest

from baleen.archive.pack import pack
from baleen.linux.fd import Fd


@pytest.fixture
def tree(tmp_path):
    for name in ("b/y", "b/x", "a", "b.c"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
    before = len(os.listdir("/proc/self/fd"))
    yield tmp_path
    assert len(os.listdir("/proc/self/fd")) == before


def top(tree):
    return Fd(os.open(tree, os.O_PATH | os.O_DIRECTORY))


def names(chunks):
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return archive.getnames()


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (None, ["a", "b", "b/x", "b/y", "b.c"]),
        (b"p", ["p", "p/a", "p/b", "p/b/x", "p/b/y", "p/b.c"]),
        (b".", [".", "./a", "./b", "./b/x", "./b/y", "./b.c"]),
    ],
)
def test_directories_are_followed_by_what_is_in_them(tree, prefix, expected):
    assert names(pack(top(tree), b"", prefix)) == expected


def test_one_file(tree):
    assert names(pack(top(tree), b"a", None)) == ["a"]


def test_an_empty_directory_is_a_whole_archive(tmp_path):
    data = b"".join(pack(top(tmp_path), b"", None))
    assert data == bytes(1024)


def test_small_files_come_in_few_pieces(tmp_path):
    for number in range(2000):
        (tmp_path / f"f{number}").write_bytes(b"x" * 100)
    pieces = list(pack(top(tmp_path), b"", None))
    assert len(pieces) < 12
    assert max(map(len, pieces)) < 2 << 20


def test_what_vanishes_is_left_out(tree):
    chunks = pack(top(tree), b"", None)
    packed = iter([])
    (tree / "b/x").unlink()
    packed = names(chunks)
    assert "b/x" not in packed
    assert "b/y" in packed
