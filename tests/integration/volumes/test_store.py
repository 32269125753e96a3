"""Volumes with mounts of their own, on the real kernel."""

from __future__ import annotations

import os

import pytest

from baleen.errors import Unavailable
from baleen.state.database import Database
from baleen.volumes.mounts import mounts_below
from baleen.volumes.store import VolumeStore

pytestmark = pytest.mark.integration


@pytest.fixture
def store(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    database = Database(tmp_path / "state.db")
    store = VolumeStore(database, tmp_path / "volumes")
    store.load()
    yield store
    for volume in store.list({}):
        for user in store.users(volume.name):
            store.unuse(volume.name, user)
        store.remove(volume.name)
    assert mounts_below(tmp_path) == []
    database.close()


def bind_volume(store, device) -> None:
    store.create("bound", options={"type": "none", "o": "bind", "device": str(device)})


def test_a_bind_within_one_file_system_is_mounted_once(store, tmp_path):
    host = tmp_path / "host dir"
    host.mkdir()
    (host / "precious").write_text("x")
    bind_volume(store, host)
    store.mount("bound", "c1")
    store.mount("bound", "c2")
    assert len(mounts_below(tmp_path)) == 1
    assert (store.data_path("bound") / "precious").read_text() == "x"
    store.unmount("bound", "c1")
    assert len(mounts_below(tmp_path)) == 1
    store.unmount("bound", "c2")
    assert mounts_below(tmp_path) == []


def test_removal_never_deletes_through_a_mount(store, tmp_path):
    host = tmp_path / "host"
    host.mkdir()
    (host / "precious").write_text("x")
    bind_volume(store, host)
    store.mount("bound", "c1")
    store.remove("bound")
    assert (host / "precious").read_text() == "x"
    assert mounts_below(tmp_path) == []


def test_tmpfs_options(store):
    store.create("mem", options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,nosuid"})
    store.mount("mem", "c1")
    assert os.statvfs(store.data_path("mem")).f_blocks * 4096 == 1 << 20
    store.unmount("mem", "c1")


def test_a_mount_that_fails_says_why(store, tmp_path):
    bind_volume(store, tmp_path / "nosuch")
    with pytest.raises(Unavailable, match=r"error while mounting volume 'bound'.*no such file"):
        store.mount("bound", "c1")
