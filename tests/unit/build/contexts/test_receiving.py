"""Archives and lone Dockerfiles, told apart by what they begin with."""

import bz2
import gzip
import lzma
import os

import pytest
import zstandard

from baleen.archive.limits import Limits
from baleen.build.contexts.receiving import read_context
from baleen.build.files.archive_tree import CONTEXT_LIMITS
from baleen.build.files.spooling import spool_file
from baleen.errors import InvalidArgument, ResourceExhausted


@pytest.fixture
def read(tmp_path):
    made = []

    def do(*chunks, limits=CONTEXT_LIMITS):
        tree, is_dockerfile = read_context(chunks, lambda: spool_file(tmp_path), limits)
        made.append(tree)
        return {
            node.path: b"".join(tree.chunks(node)) for node in tree.walk(tree.root) if node.is_file
        }, is_dockerfile

    yield do
    for tree in made:
        tree.close()


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["tar", "gzip", "bzip2", "xz", "zstd"],
)
def test_archives(read, make_tar, pack):
    data = pack(make_tar(("Dockerfile", "file", b"FROM scratch"), ("d/f", "file", b"x")))
    chunks = [data[i : i + 100] for i in range(0, len(data), 100)]
    assert read(*chunks) == ({b"Dockerfile": b"FROM scratch", b"d/f": b"x"}, False)


@pytest.mark.parametrize("text", [b"F", b"FROM scratch\n", b"FROM scratch\n" + b"RUN x\n" * 1000])
def test_a_lone_dockerfile(read, text):
    assert read(text) == ({b"Dockerfile": text}, True)
    assert read(gzip.compress(text)) == ({b"Dockerfile": text}, True)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"x" * (3 << 20), "too large for a Dockerfile"),
        (b"\0" * 100, "truncated"),
        (b"\1\2\0" * 400, "malformed"),
    ],
)
def test_what_is_neither(read, data, words):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(InvalidArgument, match=words):
        read(data)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_bomb_is_refused_while_it_comes(read, make_tar):
    bomb = gzip.compress(make_tar(("zeros", "file", bytes(16 << 20))))
    with pytest.raises(ResourceExhausted, match="max_ratio"):
        read(bomb, limits=Limits(max_ratio=50, ratio_floor_bytes=2 << 20))
