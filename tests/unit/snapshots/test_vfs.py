"""Copies: each is whole, and complete for the runtime."""

import os

import pytest

from baleen.oci.digest import Digest
from baleen.snapshots import VfsSnapshotter

A, B = (Digest("sha256:" + letter * 64) for letter in "ab")


@pytest.fixture
def vfs(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: owners are real")
    snapshotter = VfsSnapshotter(tmp_path / "vfs", boot_id="x", sync_delay_s=None)
    snapshotter.start()
    for chain_id, parent in ((A, None), (B, A)):
        with snapshotter.draft(parent) as draft:
            (draft.path / chain_id.encoded[:1]).write_text("x")
            draft.commit(chain_id, parent, 1)
    return snapshotter


def test_a_layer_has_what_is_below_it(vfs):
    assert sorted(os.listdir(vfs.layer(B).path)) == ["a", "b"]
    assert not vfs.independent


def test_a_container_has_a_copy_with_places_to_mount_on(vfs):
    mounts = vfs.prepare("c1", B)
    assert (mounts.lower, mounts.work) == ((), None)
    assert {"a", "b", "proc", "sys", "dev", "etc", ".dockerenv"} == set(os.listdir(mounts.upper))
    with open(f"{mounts.upper}/a", "w") as file:
        file.write("changed")
    assert (vfs.layer(B).path / "a").read_text() == "x"
    assert vfs.view("v1", B).lower == (str(vfs.layer(B).path),)
    assert vfs.usage("c1").inodes > 0


def test_links_of_the_image_are_not_followed_to_complete_it(vfs, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    with vfs.draft(None) as draft:
        (draft.path / "etc").symlink_to(outside)
        (draft.path / ".dockerenv").symlink_to(outside / "evil")
        draft.commit(Digest("sha256:" + "c" * 64), None, 0)
    vfs.prepare("c1", Digest("sha256:" + "c" * 64))
    assert list(outside.iterdir()) == []
