"""Places in a tree that is only looked at, and the changes to it."""

import pytest

from baleen.build.files.layer import Layer
from baleen.errors import InvalidArgument

NOW = 1_600_000_000_000_000_000


@pytest.fixture
def base(tree):
    return tree(
        ("usr/bin", "dir", b"", {"mode": 0o711, "uid": 3}),
        ("usr/bin/sh", "file", b"#!"),
        ("bin", "symlink", "usr/bin"),
        ("up", "symlink", "../../../usr"),
        ("new", "symlink", "/made/here"),
        ("round", "symlink", "round"),
        ("etc/passwd", "file", b"root:x:0:0::/:/bin/sh\n"),
    )


@pytest.fixture
def layer(base):
    return Layer(base, epoch_ns=NOW)


def test_a_path_is_found_through_links_of_the_tree(layer):
    parent, name, node = layer.place("/bin/sh")
    assert (parent.path, name, node.path) == (b"usr/bin", b"sh", b"usr/bin/sh")
    assert layer.place("/up/bin/sh")[2].path == b"usr/bin/sh"
    assert layer.place("../../etc/passwd")[2].path == b"etc/passwd"


def test_a_dangling_link_leads_to_what_is_made(layer, packed):
    parent, name, node = layer.place("/new/file")
    assert (parent.path, name, node) == (b"made/here", b"file", None)
    layer.write(parent, name, b"x", (0, 0), 0o644)
    assert packed(layer) == {"made": "dir", "made/here": "dir", "made/here/file": "x"}


def test_directories_on_the_way_are_described_as_they_are_below(layer, infos):
    parent, name, _ = layer.place("/bin/new")
    layer.write(parent, name, b"x", (7, 8), 0o600)
    found = infos(layer)
    assert list(found) == ["usr", "usr/bin", "usr/bin/new"]
    assert found["usr/bin"].mode == 0o711
    assert found["usr/bin/new"].uid == 7
    assert found["usr/bin/new"].gid == 8


def test_made_directories_have_the_owner_and_time_that_is_said(layer, infos):
    layer.directory("/srv/a", owner=(5, 6), mode=0o750, time_ns=9_000_000_000)
    found = infos(layer)
    assert [(i.uid, i.gid, i.mode, i.mtime) for i in found.values()] == [(5, 6, 0o750, 9)] * 2


def test_a_look_leaves_no_trace(layer, packed):
    layer.place("/usr/bin/sh")
    layer.directory("/usr/bin")
    assert packed(layer) == {}


@pytest.mark.parametrize("path", ["/etc/passwd/x/y", "/etc/passwd/x"])
def test_a_file_is_no_directory(layer, path):
    with pytest.raises(InvalidArgument, match="not a directory: /etc/passwd"):
        layer.place(path)


def test_bad_paths(layer):
    with pytest.raises(InvalidArgument, match="too many symbolic links"):
        layer.place("/round/x")
    with pytest.raises(InvalidArgument, match="invalid path"):
        layer.place("/a\0b")
    with pytest.raises(InvalidArgument, match="too long"):
        layer.directory("/" + "a" * 256)
    with pytest.raises(InvalidArgument, match="not a directory: /etc/passwd"):
        layer.directory("/etc/passwd")


def test_removing_what_is_below_is_a_whiteout(layer, packed):
    layer.remove("/bin")
    layer.remove("/usr/bin/sh")
    layer.remove("/missing/at/all")
    layer.remove("/etc/passwd/x")
    assert packed(layer) == {
        ".wh.bin": "",
        "usr": "dir",
        "usr/bin": "dir",
        "usr/bin/.wh.sh": "",
    }
    assert layer.child(layer.root, b"bin") is None


def test_removing_what_was_made_leaves_nothing_of_it(layer, packed):
    parent, name, _ = layer.place("/tmp/x")
    layer.write(parent, name, b"", (0, 0), 0o644)
    layer.remove("/tmp/x")
    assert packed(layer) == {"tmp": "dir"}


def test_a_directory_in_the_place_of_a_removed_one_hides_it(layer, packed):
    layer.remove("/usr/bin")
    layer.directory("/usr/bin")
    assert layer.child(layer.directory("/usr/bin"), b"sh") is None
    assert packed(layer) == {"usr": "dir", "usr/bin": "dir", "usr/bin/.wh..wh..opq": ""}


def test_names_of_whiteouts_are_refused(layer):
    with pytest.raises(InvalidArgument, match="mean removed files"):
        layer.write(layer.root, b".wh.etc", b"", (0, 0), 0o644)
    with pytest.raises(InvalidArgument, match="names no file"):
        layer.remove("/a/..")


def test_no_time_is_later_than_the_epoch(layer, infos):
    layer.write(layer.root, b"x", b"", (0, 0), 0o644)
    layer.directory("/d", time_ns=NOW + 1)
    assert {info.mtime for info in infos(layer).values()} == {NOW // 1_000_000_000}


def test_a_layer_is_a_tree_with_what_is_below(layer):
    layer.write(layer.root, b"a", b"text", (0, 0), 0o644)
    layer.remove("/etc")
    assert list(layer.children(layer.root)) == [b"a", b"bin", b"new", b"round", b"up", b"usr"]
    assert b"".join(layer.chunks(layer.find(b"a"))) == b"text"
    assert b"".join(layer.chunks(layer.find(b"bin/sh"))) == b"#!"
    above = Layer(layer)
    assert above.place("/bin/sh")[2].path == b"usr/bin/sh"
    assert above.place("/etc")[2] is None
