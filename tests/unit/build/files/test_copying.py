"""Nodes into a layer: COPY's rules, and tar's."""

import pytest

from baleen.build.files.copying import Copier
from baleen.build.files.layer import Layer
from baleen.errors import InvalidArgument


@pytest.fixture
def base(tree):
    return tree(
        ("app", "dir", b"", {"mode": 0o700}),
        ("app/old", "file", b"old"),
        ("app/sub", "dir", b"", {"mode": 0o700}),
        ("bin", "symlink", "usr/bin"),
        ("usr/bin", "dir"),
        ("file", "file", b"f"),
    )


def contents(layer, tree, target, **options):
    options.setdefault("owner", (0, 0))
    Copier(layer, tree, **options).contents(tree.root, layer.directory(target))


def test_directories_are_merged_and_files_replaced(base, tree, packed, infos):
    layer = Layer(base)
    contents(layer, tree(("old", "file", b"new"), ("sub/x", "file", b"x")), "/app")
    assert packed(layer) == {
        "app": "dir",
        "app/old": "new",
        "app/sub": "dir",
        "app/sub/x": "x",
    }
    # The top keeps its mode, what is below gets that of the source.
    assert infos(layer)["app"].mode == 0o700
    assert infos(layer)["app/sub"].mode == 0o755


def test_owner_mode_and_time(tree, infos):
    layer = Layer(None)
    source = tree(("d/f", "file", b"", {"mode": 0o640}), ("l", "symlink", "x"))
    contents(layer, source, "/", owner=(5, 6), mode=lambda _: 0o700, time_ns=7_000_000_000)
    found = infos(layer)
    assert {(info.uid, info.gid, info.mtime) for info in found.values()} == {(5, 6, 7)}
    assert found["d/f"].mode == found["d"].mode == 0o700


def test_owners_stay_where_none_is_given(tree, infos):
    layer = Layer(None)
    contents(layer, tree(("f", "file", b"", {"uid": 9}), keep_owners=True), "/", owner=None)
    assert infos(layer)["f"].uid == 9


def test_a_directory_and_a_file_never_replace_each_other(base, tree):
    with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /file"):
        contents(Layer(base), tree(("file/x", "file", b"")), "/")
    with pytest.raises(InvalidArgument, match="cannot replace to directory /app with file"):
        contents(Layer(base), tree(("app", "file", b"")), "/")


def test_a_link_in_the_place_of_a_directory_is_not_followed(base, tree):
    with pytest.raises(InvalidArgument, match="cannot copy to non-directory: /bin"):
        contents(Layer(base), tree(("bin/x", "file", b"")), "/")


def test_two_copies_do_not_share_an_inode(tree, packed):
    layer = Layer(None)
    source = tree(("a", "file", b"x"), ("b", "link", "a"))
    contents(layer, source, "/one", owner=(1, 1))
    contents(layer, source, "/two", owner=(2, 2))
    found = packed(layer)
    assert found["one/b"] == "= one/a"
    assert found["two/a"] == "x"


def test_what_means_a_whiteout_is_refused(tree):
    with pytest.raises(InvalidArgument, match="character device 0:0"):
        contents(Layer(None), tree(("c", "char", b"")), "/")


def test_an_archive_replaces_whatever_is_there(base, tree, packed):
    layer = Layer(base)
    source = tree(
        ("app", "file", b"now a file"),
        ("file", "dir"),
        ("file/x", "file", b"x"),
    )
    Copier(layer, source, owner=None).unpack(layer.root)
    assert packed(layer) == {
        "app": "now a file",
        "file": "dir",
        "file/.wh..wh..opq": "",
        "file/x": "x",
    }


def test_an_archive_goes_through_a_link_only_by_what_it_does_not_describe(base, tree, packed):
    layer = Layer(base)
    Copier(layer, tree(("bin/tool", "file", b"t")), owner=None).unpack(layer.root)
    assert packed(layer) == {"usr": "dir", "usr/bin": "dir", "usr/bin/tool": "t"}
    layer = Layer(base)
    described = tree(("bin", "dir"), ("bin/tool", "file", b"t"))
    Copier(layer, described, owner=None).unpack(layer.root)
    assert packed(layer) == {"bin": "dir", "bin/.wh..wh..opq": "", "bin/tool": "t"}


def test_a_cancelled_build_ends_the_copying(tree):
    def check():
        raise KeyboardInterrupt

    source = tree(("d/f", "file", b""))
    copier = Copier(Layer(None), source, owner=None, check=check)
    with pytest.raises(KeyboardInterrupt):
        copier.contents(source.root, copier._layer.root)
    with pytest.raises(KeyboardInterrupt):
        copier.unpack(copier._layer.root)
