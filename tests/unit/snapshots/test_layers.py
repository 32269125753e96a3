"""Names on disk are short, and never those of another layer."""

import pytest

from baleen.oci.digest import Digest
from baleen.snapshots import OverlaySnapshotter
from baleen.snapshots.layers import _short


def test_short_names_are_distinct_and_plain():
    names = {_short(Digest(f"sha256:{number:064x}")) for number in range(2000)}
    assert len(names) == 2000
    assert {len(name) for name in names} == {16}
    assert all(name.isalnum() and name.islower() for name in names if not name.isdigit())


def test_seventy_five_layers_fit_into_one_page_of_options():
    # Only kernels before 6.5, without lowerdir+, have that limit.
    place = f"/var/lib/baleen/snapshots/layers/{_short(Digest('sha256:' + 'a' * 64))}/fs:"
    assert len(place) * 75 < 4096


def test_nothing_happens_before_start(tmp_path):
    OverlaySnapshotter(tmp_path / "snapshots", boot_id="x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chain", ["a", "b"])
def test_an_unknown_layer_is_none(tmp_path, chain):
    snapshotter = OverlaySnapshotter(tmp_path / "snapshots", boot_id="x")
    assert snapshotter.layer(Digest("sha256:" + chain * 64)) is None
    assert list(snapshotter.layers()) == []
