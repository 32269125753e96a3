"""COPY and ADD: which files go where, and Docker's words for what cannot go."""

import bz2
import gzip
import io
import lzma
import tarfile
from contextlib import ExitStack

import pytest
import zstandard

from baleen.archive.limits import Limits
from baleen.build.files.copy_action import CopyAction
from baleen.build.files.layer import Layer
from baleen.build.files.spooling import spool_file
from baleen.build.graph import Copying
from baleen.errors import InvalidArgument, NotFound, ResourceExhausted


@pytest.fixture
def context(tree):
    return tree(
        ("a.txt", "file", b"a"),
        ("b.txt", "file", b"b"),
        ("dir/x", "file", b"x"),
        ("dir/sub/y", "file", b"y"),
        ("link", "symlink", "dir/x"),
        ("shadow", "symlink", "/etc/shadow"),
    )


@pytest.fixture
def copy(tmp_path, packed):
    """Return a function: COPY sources destination, and what the layer holds then."""
    with ExitStack() as keep:

        def do(tree, *words, below=None, word="COPY", limits=None, owner=(0, 0), **options):
            *sources, destination = words
            action = Copying(input=0, sources=tuple(sources), destination=destination, **options)
            layer = Layer(below)
            more = {} if limits is None else {"limits": limits}
            CopyAction(
                action, word, tree, True, owner, None, lambda: spool_file(tmp_path), keep, **more
            ).put(layer)
            return packed(layer)

        yield do


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["/a.txt", "/new"], {"new": "a"}),
        (["/a.txt", "/new/"], {"new": "dir", "new/a.txt": "a"}),
        (["/a.txt", "/"], {"a.txt": "a"}),
        (["/a.txt", "/b.txt", "/d/"], {"d": "dir", "d/a.txt": "a", "d/b.txt": "b"}),
        (["/*.txt", "/d/"], {"d": "dir", "d/a.txt": "a", "d/b.txt": "b"}),
        (["/dir", "/d"], {"d": "dir", "d/sub": "dir", "d/sub/y": "y", "d/x": "x"}),
        (["/dir/", "/d/"], {"d": "dir", "d/sub": "dir", "d/sub/y": "y", "d/x": "x"}),
        (["/dir/s*", "/"], {"y": "y"}),
        (["/link", "/d/"], {"d": "dir", "d/link": "x"}),
        (["/link", "/x"], {"x": "x"}),
    ],
)
def test_copy(context, copy, words, result):
    assert copy(context, *words) == result


def test_into_a_directory_that_is_there(context, copy, tree):
    below = tree(("srv", "dir"), ("to", "symlink", "srv"))
    assert copy(context, "/a.txt", "/srv", below=below) == {"srv": "dir", "srv/a.txt": "a"}
    assert copy(context, "/a.txt", "/to", below=below) == {"srv": "dir", "srv/a.txt": "a"}
    assert copy(context, "/dir/x", "/to/x", below=below) == {"srv": "dir", "srv/x": "x"}


def test_a_directory_itself_where_its_contents_are_not_meant(context, copy, tree):
    whole = {"contents_of_directories": False}
    assert copy(context, "/dir/sub", "/d", **whole) == {"d": "dir", "d/y": "y"}
    below = tree(("d", "dir"))
    assert copy(context, "/dir/sub", "/d", below=below, **whole) == {
        "d": "dir",
        "d/sub": "dir",
        "d/sub/y": "y",
    }
    assert "sub/y" in copy(context, "/dir/sub", "/", **whole)


def test_parents(context, copy):
    assert copy(context, "/dir/x", "/a.txt", "/p/", parents=True) == {
        "p": "dir",
        "p/a.txt": "a",
        "p/dir": "dir",
        "p/dir/x": "x",
    }
    assert copy(context, "/dir/./sub/y", "/p/", parents=True) == {
        "p": "dir",
        "p/sub": "dir",
        "p/sub/y": "y",
    }
    assert copy(context, "/dir", "/p/", parents=True, exclude=("dir/sub",)) == {
        "p": "dir",
        "p/dir": "dir",
        "p/dir/x": "x",
    }


def test_exclude(context, copy):
    assert copy(context, "/dir", "/d", exclude=("sub",)) == {"d": "dir", "d/x": "x"}
    assert copy(context, "/*.txt", "/d/", exclude=("a*",)) == {"d": "dir", "d/b.txt": "b"}


def test_what_is_not_there(context, copy):
    where = "file not found in build context or excluded by .dockerignore"
    with pytest.raises(NotFound, match=rf"^COPY failed: {where}: stat none: file does not exist$"):
        copy(context, "/none", "/x")
    with pytest.raises(NotFound, match=r"^ADD failed: no source files were specified$"):
        copy(context, "/none*", "/x", word="ADD")
    assert copy(context, "/none*", "/x", allow_none=True) == {}


def test_a_link_out_of_the_context_leads_nowhere(context, copy):
    with pytest.raises(NotFound, match="stat shadow: file does not exist"):
        copy(context, "/shadow", "/x")


def test_a_directory_onto_a_file_and_the_reverse(context, copy, tree):
    below = tree(("f", "file", b""), ("d/a.txt", "dir"))
    with pytest.raises(InvalidArgument, match=r"^cannot copy to non-directory: /f$"):
        copy(context, "/dir", "/f", below=below)
    with pytest.raises(InvalidArgument, match=r"^cannot replace to directory /d/a.txt with file$"):
        copy(context, "/a.txt", "/d/", below=below)


@pytest.mark.parametrize("words", [["/a.txt", "/b.txt", "/d"], ["/*.txt", "/d"]])
def test_several_sources_need_a_directory(context, copy, words):
    with pytest.raises(
        InvalidArgument,
        match=r"^When using COPY with more than one source file, the destination must be a "
        r"directory and end with a /$",
    ):
        copy(context, *words)


def inner():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("in/f")
        info.size, info.uid = 4, 77
        archive.addfile(info, io.BytesIO(b"data"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "pack",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["tar", "gzip", "bzip2", "xz", "zstd"],
)
def test_add_unpacks_archives_by_their_content(tree, copy, pack):
    found = tree(("odd.name", "file", pack(inner())))
    unpacked = {"d": "dir", "d/in": "dir", "d/in/f": "data"}
    assert copy(found, "/odd.name", "/d", unpack=True) == unpacked
    assert list(copy(found, "/odd.name", "/d")) == ["d"]


@pytest.mark.parametrize("data", [b"", b"no archive", gzip.compress(b"text"), bytes(10240)])
def test_add_copies_what_is_no_archive(tree, copy, data):
    found = tree(("x.tar.gz", "file", data))
    assert copy(found, "/x.tar.gz", "/d/", unpack=True) == {
        "d": "dir",
        "d/x.tar.gz": data.decode("latin-1"),
    }


def test_an_archive_keeps_its_owners_whatever_chown_says(tree, tmp_path, infos):
    found = tree(("t", "file", inner()))
    for words, owner in (("", (0, 0)), ("5", (5, 5))):
        action = Copying(input=0, sources=("/t",), destination="/d/", unpack=True, owner=words)
        layer = Layer(None)
        with ExitStack() as keep:
            CopyAction(
                action, "ADD", found, True, owner, None, lambda: spool_file(tmp_path), keep
            ).put(layer)
            assert infos(layer)["d/in/f"].uid == 77
            assert infos(layer)["d"].uid == owner[0]


def test_a_bomb_is_stopped_by_the_limits(tree, copy, make_tar):
    bomb = gzip.compress(make_tar(("zeros", "file", bytes(8 << 20))))
    with pytest.raises(ResourceExhausted, match="max_ratio"):
        copy(
            tree(("b", "file", bomb)),
            "/b",
            "/",
            unpack=True,
            limits=Limits(max_ratio=10, ratio_floor_bytes=3 << 20),
        )
