"""Places in a layer: made on the way, found again, and never anything but a directory."""

import os

import pytest

from baleen.archive.entry import Entry, EntryType
from baleen.archive.layer_tree import LayerTree
from baleen.errors import InvalidArgument


@pytest.fixture
def tree(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    before = len(os.listdir("/proc/self/fd"))
    with LayerTree(fd, ()) as made:
        yield made
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(fd)


def entry(name, kind=EntryType.FILE, **more):
    return Entry(name=name, type=kind, uid=os.getuid(), gid=os.getgid(), **more)


def test_directories_are_made_on_the_way_and_found_again(tree, tmp_path):
    place = tree.open((b"a", b"b"))
    assert os.path.samestat(os.fstat(place.fd), os.stat(tmp_path / "a/b"))
    assert not place.merges
    assert tree.open((b"a", b"b")) is place


def test_many_open_directories_are_closed_again(tree):
    for number in range(400):
        tree.open((b"d%d" % number,))
    assert len(os.listdir("/proc/self/fd")) < 200


def test_a_file_is_no_place(tree):
    tree.add((b"f",), entry(b"f"), iter(()))
    with pytest.raises(InvalidArgument, match="not a directory"):
        tree.open((b"f", b"x"))


def test_what_a_link_leads_to_is_a_place_inside(tree, tmp_path):
    tree.add((b"l",), entry(b"l", EntryType.SYMLINK, linkname=b"/../a"), iter(()))
    tree.add((b"l", b"f"), entry(b"l/f", size=1), iter([b"x"]))
    assert (tmp_path / "a/f").read_bytes() == b"x"
