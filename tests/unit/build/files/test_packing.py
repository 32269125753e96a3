"""A layer's archive: unpacked by what unpacks pulled layers, it gives the same tree."""

import os
import tarfile

import pytest

from baleen.archive.apply import apply_layer
from baleen.archive.limits import Limits
from baleen.build.files.copying import Copier
from baleen.build.files.digest import digest_node
from baleen.build.files.directory_tree import DirectoryTree
from baleen.build.files.layer import Layer
from baleen.build.files.packing import pack_layer
from baleen.errors import DataLoss, ResourceExhausted
from baleen.linux.fd import Fd

ALL = (
    ("d", "dir", b"", {"mode": 0o1777}),
    ("d/a", "file", b"text" * 1000, {"mode": 0o4755}),
    ("d/b", "link", "d/a"),
    ("empty", "file", b""),
    ("l", "symlink", "/outside"),
    ("n" * 120 + "/" + "m" * 200, "file", b"long"),
    ("p", "fifo"),
)


def copied(tree):
    layer = Layer(None)
    Copier(layer, tree, owner=(0, 0)).contents(tree.root, layer.root)
    return layer


def test_the_archive_holds_what_was_copied(tree, packed):
    assert packed(copied(tree(*ALL))) == {
        "d": "dir",
        "d/a": "text" * 1000,
        "d/b": "= d/a",
        "empty": "",
        "l": "-> /outside",
        "n" * 120: "dir",
        "n" * 120 + "/" + "m" * 200: "long",
        "p": tarfile.FIFOTYPE,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="the files are root's")
def test_unpacked_it_is_the_same_tree(tree, tmp_path):
    found = tree(*ALL)
    (tmp_path / "root").mkdir(mode=0o755)
    with Fd(os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)) as root:
        apply_layer(root.fileno(), (), pack_layer(copied(found)))
        other = DirectoryTree(root)
        assert digest_node(other, other.root) == digest_node(found, found.root)
        other.close()


def test_the_same_files_give_the_same_bytes(tree):
    first = b"".join(pack_layer(copied(tree(*ALL))))
    assert first == b"".join(pack_layer(copied(tree(*reversed(ALL[:1]), *ALL[1:]))))


def test_sizes_are_bounded_and_cancelling_ends_it(tree):
    layer = copied(tree(("a", "file", bytes(600)), ("b", "file", bytes(600))))
    with pytest.raises(ResourceExhausted, match="max_bytes"):
        list(pack_layer(layer, limits=Limits(max_bytes=1000)))

    def check():
        raise KeyboardInterrupt

    big = copied(tree(("a", "file", bytes(1 << 20))))
    with pytest.raises(KeyboardInterrupt):
        list(pack_layer(big, check=check))


def test_a_file_that_changes_while_it_is_read(tmp_path):
    (tmp_path / "f").write_bytes(bytes(100))
    with Fd(os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)) as root:
        tree = DirectoryTree(root)
        layer = copied(tree)
        (tmp_path / "f").write_bytes(bytes(200))
        assert len(b"".join(pack_layer(layer))) == 512 + 512 + 1024
        (tmp_path / "f").write_bytes(bytes(50))
        with pytest.raises(DataLoss, match="/f became shorter"):
            list(pack_layer(layer))
        tree.close()
