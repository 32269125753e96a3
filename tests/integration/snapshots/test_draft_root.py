"""A writable root becomes a layer by a rename, and leaves nothing else."""

import os
from pathlib import Path

import pytest

from baleen.oci.digest import Digest
from baleen.snapshots import OverlaySnapshotter, VfsSnapshotter
from baleen.snapshots.root_view import writable_view

pytestmark = pytest.mark.integration

A, B = (Digest("sha256:" + letter * 64) for letter in "ab")


@pytest.fixture(params=[OverlaySnapshotter, VfsSnapshotter])
def snapshotter(request, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    made = request.param(tmp_path / "snapshots", boot_id="x", sync_delay_s=None)
    made.start()
    with made.draft() as draft:
        (draft.path / "a").write_text("1")
        draft.commit(A, None, 1)
    return made


def test_a_workspace_becomes_a_layer(snapshotter):
    with snapshotter.workspace(A) as workspace:
        assert workspace.is_layer
        with writable_view(workspace.mounts) as root:
            os.mkdir("b", dir_fd=root.fileno())
        inode = (workspace.path / "b").stat().st_ino
        info = workspace.commit(B, A, 0)
    assert (info.path / "b").stat().st_ino == inode
    assert sorted(p.name for p in info.path.parent.iterdir()) == ["fs", "layer.json"]
    assert list((info.path.parents[2] / "drafts").iterdir()) == []


def test_a_workspace_that_is_not_committed_is_gone(snapshotter):
    with snapshotter.workspace(A) as workspace:
        path = Path(workspace.path)
        assert path.exists()
    assert not path.parent.exists()
    assert [info.chain_id for info in snapshotter.layers()] == [A]


def test_a_copy_with_mount_points_is_no_layer(snapshotter):
    with snapshotter.workspace(A, for_processes=True) as workspace:
        assert workspace.is_layer is snapshotter.independent
