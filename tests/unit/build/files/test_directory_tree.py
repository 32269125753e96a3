"""A directory as a tree: the same things as in an archive, and nothing outside of it."""

import hashlib
import os

import pytest

from baleen.archive.tree import remove_tree
from baleen.build.files.directory_tree import DirectoryTree
from baleen.errors import NotFound
from baleen.linux.fd import Fd


@pytest.fixture
def place(tmp_path):
    (tmp_path / "top/d").mkdir(parents=True)
    (tmp_path / "top/d/a").write_bytes(b"text")
    os.link(tmp_path / "top/d/a", tmp_path / "top/h")
    os.symlink("/etc/passwd", tmp_path / "top/l")
    os.mkfifo(tmp_path / "top/p")
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "top"


@pytest.fixture
def opened(place):
    before = len(os.listdir("/proc/self/fd"))
    with Fd(os.open(place, os.O_PATH | os.O_DIRECTORY)) as root:
        tree = DirectoryTree(root)
        yield tree
        tree.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_there_is_seen(opened):
    assert list(opened.children(opened.root)) == [b"d", b"h", b"l", b"p"]
    node = opened.find(b"d/a")
    assert b"".join(opened.chunks(node)) == b"text"
    assert node.inode == opened.find(b"h").inode is not None
    assert opened.readlink(opened.find(b"l", follow=False)) == b"/etc/passwd"


def test_links_do_not_lead_out(opened):
    with pytest.raises(NotFound):
        opened.find(b"l")
    with pytest.raises(NotFound):
        opened.find(b"../secret")


def test_a_file_that_became_a_link_is_not_followed(opened, place):
    node = opened.find(b"d/a")
    (place / "d/a").unlink()
    os.symlink("../../secret", place / "d/a")
    with pytest.raises(NotFound, match="replaced"):
        list(opened.chunks(node))


def test_a_directory_that_became_a_link_is_not_followed(opened, place):
    node = opened.find(b"d")
    (place / "d").rename(place / "old")
    os.symlink("..", place / "d")
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        opened.children(node)


def test_a_fifo_is_never_opened(opened):
    assert opened.xattrs(opened.find(b"p")) == {}


def test_the_digest_of_a_file_without_holes_is_plain_sha256(opened):
    digest = opened.content_digest(opened.find(b"d/a"))
    assert digest == hashlib.sha256(b"text").digest()


def test_a_huge_hole_costs_nothing(opened, place):
    with open(place / "sparse", "wb") as file:
        file.truncate(1 << 40)
        file.write(b"x")
    first = opened.content_digest(opened.find(b"sparse"))
    os.truncate(place / "sparse", 1 << 39)
    assert opened.content_digest(opened.find(b"sparse")) == first  # the size is in the node


def test_deep_trees_are_walked(tmp_path):
    current = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=current)
        deeper = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = deeper
    os.close(current)
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as root:
        tree = DirectoryTree(root)
        assert sum(1 for _ in tree.walk(tree.root)) == 1101
        tree.close()
    remove_tree(os.open(tmp_path.parent, os.O_RDONLY), tmp_path.name)  # pytest's is recursive


def test_attributes_that_go_along(opened, place):
    try:
        os.setxattr(place / "d/a", "user.color", b"blue")
    except OSError:
        pytest.skip("no user.* attributes on this file system")
    assert opened.xattrs(opened.find(b"d/a")) == {"user.color": b"blue"}
