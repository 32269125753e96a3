"""Layers applied in memory give what unpacking gives."""

import io
import tarfile

import pytest

from baleen.errors import DataLoss
from baleen.images.file_tree import Node, apply_blob, file_nodes, path_text


@pytest.fixture
def apply(world):
    root = Node({}, None, 0)

    def apply(*entries):
        with world.content.lease() as lease:
            digest = world.content.put(archive(*entries), lease)
            return {c.path: c for c in apply_blob(world.content, digest, root).changes}

    apply.root = root
    return apply


def archive(*entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data, *more in entries:
            info = tarfile.TarInfo(name)
            if data is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(data)
            for key, value in (more[0] if more else {}).items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data or b""))
    return buffer.getvalue()


def files(root):
    return {path_text(path) for path, node in file_nodes(root) if node.children is None}


def test_added_changed_rewritten_and_removed(apply):
    found = apply(("etc", None), ("etc/a", b"1"), ("etc/b", b"22"), ("etc/c", b"333"))
    assert {change.kind for change in found.values()} == {"added"}
    found = apply(
        ("etc", None), ("etc/a", b"x1"), ("etc/b", b"22", {"mode": 0o600}), ("etc/.wh.c", b"")
    )
    kinds = {path: (c.kind, c.size, c.hidden) for path, c in found.items()}
    assert kinds == {
        "/etc/a": ("changed", 2, 1),
        "/etc/b": ("rewritten", 2, 2),
        "/etc/c": ("removed", 0, 3),
    }
    assert files(apply.root) == {"/etc/a", "/etc/b"}


def test_an_opaque_directory_hides_what_lies_below_not_what_comes_with_it(apply):
    apply(("d/x", b"1"), ("d/y/z", b"22"))
    found = apply(("d/new", b"n"), ("d/.wh..wh..opq", b""))
    assert {path: change.kind for path, change in found.items()} == {
        "/d/x": "removed", "/d/y": "removed", "/d/new": "added",
    }  # fmt: skip
    assert found["/d/y"].hidden == 2
    assert files(apply.root) == {"/d/new"}


def test_a_file_in_place_of_a_directory_hides_all_of_it(apply):
    apply(("d/x", b"1"), ("d/y", b"22"))
    found = apply(("d", b"file"))
    assert (found["/d"].kind, found["/d"].hidden) == ("changed", 3)


def test_whiteouts_of_nothing_and_odd_names(apply):
    assert apply((".wh.nothing", b""), ("a/.wh.b", b""), ("./", None)) == {}
    assert list(apply(("caf\udce9", b""))) == ["/caf\\xe9"]


def test_links_bring_no_bytes(apply):
    apply(("a", b"123"))
    found = apply(("b", b"", {"type": tarfile.LNKTYPE, "linkname": "a"}))
    assert (found["/b"].kind, found["/b"].size) == ("added", 0)


def test_a_copy_is_independent(apply):
    apply(("d/x", b"1"))
    copy = apply.root.copy()
    apply(("d/.wh.x", b""))
    assert files(copy) == {"/d/x"}
    assert (copy.total(), apply.root.total()) == (1, 0)


def test_damage_is_named(world):
    with world.content.lease() as lease:
        digest = world.content.put(b"no archive at all" * 50, lease)
        with pytest.raises(DataLoss, match=f"layer {digest}"):
            apply_blob(world.content, digest, Node({}, None, 0))
