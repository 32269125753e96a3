"""Places for mounts: found without following links out, made beside the tree, removed with care."""

import os
import stat

import pytest

from baleen.build.exec.targets import Missing, make_in_layer, make_in_root, missing
from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd


def opened(path):
    return Fd(os.open(path, os.O_RDONLY | os.O_DIRECTORY))


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    (top / "real/deep").mkdir(parents=True)
    (top / "real").chmod(0o751)
    (top / "file").write_text("1")
    (top / "absolute").symlink_to("/real")
    (top / "relative").symlink_to("../../../real/./deep/..")
    (top / "ring").symlink_to("/ring2")
    (top / "ring2").symlink_to("/ring")
    (top / "dangling").symlink_to("/nowhere")
    return top


def look(tree, path, *, is_directory=True):
    with opened(tree) as root:
        return missing(root, [(path, is_directory)])


def test_what_is_there_is_not_missing(tree):
    for path in ("/", "/real", "/absolute/deep", "/relative/deep", "/real/../real"):
        assert look(tree, path) == []
    assert look(tree, "/file", is_directory=False) == []


def test_what_is_not_is_said_without_links(tree):
    assert look(tree, "/a/b") == [Missing((), ("a", "b"), True)]
    assert look(tree, "/absolute/x/y") == [Missing(("real",), ("x", "y"), True)]
    assert look(tree, "/relative/x") == [Missing(("real",), ("x",), True)]
    assert look(tree, "/dangling/x", is_directory=False) == [Missing((), ("nowhere", "x"), False)]


def test_what_cannot_be_is_refused(tree):
    for path, is_directory in (
        *(("/ring/x", True), ("/file/x", True), ("/file", True)),
        *(("/real", False), ("/a/../../b", True)),
    ):
        with pytest.raises(InvalidArgument, match="cannot mount"):
            look(tree, path, is_directory=is_directory)


def test_places_inside_of_others_are_theirs(tree):
    with opened(tree) as root:
        found = missing(root, [("/m/inner", True), ("/m", True), ("/mm", True)])
    assert [place.names for place in found] == [("m",), ("mm",)]


def test_a_layer_has_the_places_and_the_way_as_it_is(tree, tmp_path):
    layer = tmp_path / "layer"
    layer.mkdir()
    os.setxattr(tree / "real", "user.note", b"kept")
    os.utime(tree / "real", (5, 5))
    with opened(tree) as root:
        places = missing(root, [("/absolute/x/y", True), ("/real/f", False), ("/top", False)])
        make_in_layer(root, str(layer), places)
    found = sorted(str(path.relative_to(layer)) for path in layer.rglob("*"))
    assert found == ["real", "real/f", "real/x", "real/x/y", "top"]
    assert stat.S_IMODE((layer / "real").stat().st_mode) == 0o751
    assert os.getxattr(layer / "real", "user.note") == b"kept"
    assert (layer / "real/f").is_file()
    assert not (tree / "real/x").exists()


def test_what_was_made_in_a_root_is_removed(tree):
    owner = os.getuid(), os.getgid()
    with opened(tree) as root:
        places = missing(root, [("/a/b", True), ("/real/f", False)])
        with make_in_root(root, places, owner):
            assert (tree / "a/b").is_dir()
            assert (tree / "real/f").is_file()
    assert not (tree / "a").exists()
    assert not (tree / "real/f").exists()


def test_what_the_step_has_put_there_stays(tree, tmp_path):
    canary = tmp_path / "canary"
    (canary / "b").mkdir(parents=True)
    owner = os.getuid(), os.getgid()
    with opened(tree) as root:
        places = missing(
            root, [("/a/b", True), ("/full", True), ("/written", False), ("/swapped", False)]
        )
        with make_in_root(root, places, owner):
            (tree / "a").rename(tree / "gone")
            (tree / "a").symlink_to(canary)
            (tree / "full/x").write_text("1")
            (tree / "written").write_text("1")
            (tree / "swapped").unlink()
            (tree / "swapped").write_text("")
            (tree / "keeps-the-inode").write_text("")
    assert (canary / "b").is_dir()
    assert (tree / "a").is_symlink()
    assert (tree / "full/x").exists()
    assert (tree / "written").exists()
    assert not (tree / "gone/b").exists()
