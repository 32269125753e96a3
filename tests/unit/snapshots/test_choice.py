"""A data root keeps the snapshotter that it was used with."""

import pytest

from baleen.snapshots import OverlaySnapshotter, VfsSnapshotter, choose_snapshotter


@pytest.mark.parametrize("driver", ["overlay2", "overlay", "overlayfs"])
def test_what_is_asked_for_is_taken(tmp_path, driver):
    assert isinstance(choose_snapshotter(tmp_path, driver), OverlaySnapshotter)
    assert isinstance(choose_snapshotter(tmp_path, "vfs"), VfsSnapshotter)


def test_what_was_used_is_taken_again(tmp_path):
    (tmp_path / "vfs").mkdir()
    assert isinstance(choose_snapshotter(tmp_path, ""), VfsSnapshotter)
    (tmp_path / "snapshots/layers/x").mkdir(parents=True)
    (tmp_path / "snapshots/layers/x/layer.json").touch()
    assert isinstance(choose_snapshotter(tmp_path, ""), OverlaySnapshotter)
