"""A stored layer is looked at as if it were unpacked."""

import pytest

from baleen.build.files.layer import Layer
from baleen.build.files.layer_index import read_layer
from baleen.build.files.packing import pack_layer
from baleen.errors import InvalidArgument


@pytest.fixture
def base(tree):
    return tree(
        ("bin", "symlink", "usr/bin"),
        ("usr/bin/sh", "file", b"#!"),
        ("old/a", "file", b"a"),
        ("old/b", "file", b"b"),
        ("gone", "file", b"g"),
    )


def test_what_a_layer_adds_hides_and_replaces(base, make_tar):
    layer = read_layer(
        [
            make_tar(
                ("bin/tool", "file", b"t", {"uid": 5}),
                ("link", "symlink", "/old"),
                (".wh.gone", "file", b""),
                ("old", "dir", b"", {"mode": 0o700}),
                ("old/.wh..wh..opq", "file", b""),
                ("old/c", "file", b"c"),
            )
        ],
        base,
    )
    assert layer.place("/usr/bin/tool")[2].uid == 5
    assert layer.place("/bin/sh")[2] is not None
    assert layer.place("/gone")[2] is None
    assert layer.place("/link/a")[2] is None
    assert layer.place("/link/c")[2] is not None
    assert layer.find(b"old").mode & 0o777 == 0o700
    assert sorted(layer.children(layer.find(b"old"))) == [b"c"]


def test_contents_are_not_there(base, make_tar):
    layer = read_layer([make_tar(("f", "file", b"text"))], base)
    with pytest.raises(ValueError, match="content of /f is not here"):
        layer.chunks(layer.find(b"f"))
    assert b"".join(layer.chunks(layer.find(b"bin/sh"))) == b"#!"


def test_it_sees_what_was_packed(base):
    made = Layer(base)
    made.remove("/old/a")
    made.directory("/new/d")
    made.write(made.directory("/usr/bin"), b"x", b"x", (0, 0), 0o755)
    read = read_layer(pack_layer(made), base)

    def names(layer):
        return [node.path for node in layer.walk(layer.root)]

    assert names(read) == names(made)


def test_a_malformed_archive_is_refused(base):
    with pytest.raises(InvalidArgument):
        read_layer([b"x" * 1024], base)
