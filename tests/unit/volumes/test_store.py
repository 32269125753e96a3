"""Volumes: made once, kept over restarts, guarded while used, removed as a whole."""

from __future__ import annotations

import os

import pytest

from baleen.errors import Conflict, DataLoss, InvalidArgument, NotFound
from baleen.linux.fd import Fd
from baleen.state.database import Database
from baleen.volumes.store import VolumeStore


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "state.db")
    yield database
    database.close()


@pytest.fixture
def store(tmp_path, database):
    store = VolumeStore(database, tmp_path / "volumes")
    store.load()
    return store


def again(tmp_path, database) -> VolumeStore:
    store = VolumeStore(database, tmp_path / "volumes")
    store.load()
    return store


def names(store, **filters) -> list[str]:
    return [volume.name for volume in store.list(filters)]


def test_a_volume_has_a_directory_and_survives(tmp_path, database, store):
    volume, is_new = store.create("v1", labels={"a": "b"})
    assert is_new
    assert volume.mountpoint == str(tmp_path / "volumes" / "v1" / "_data")
    assert os.stat(volume.mountpoint).st_mode & 0o777 == 0o755
    assert os.stat(tmp_path / "volumes" / "v1").st_mode & 0o777 == 0o701
    assert again(tmp_path, database).inspect("v1") == volume


def test_the_second_create_returns_the_first(store):
    first, _ = store.create("v1", labels={"a": "b"})
    second, is_new = store.create("v1", labels={"c": "d"})
    assert (second, is_new) == (first, False)


def test_anonymous_volumes_are_marked(store):
    for volume, is_new in (store.create(None), store.create("", anonymous=True)):
        assert is_new
        assert len(volume.name) == 64
        assert "com.docker.volume.anonymous" in volume.labels
        assert store.is_anonymous(volume.name)
    store.create("named")
    assert not store.is_anonymous("named")
    assert not store.is_anonymous("nosuch")


@pytest.mark.parametrize("name", ["..", "a/b", "-ab", "a b", "ab\n", "é1", "a" * 256, ".hidden"])
def test_bad_names_never_reach_the_disk(tmp_path, store, name):
    with pytest.raises(InvalidArgument, match="includes invalid characters"):
        store.create(name)
    assert os.listdir(tmp_path / "volumes") == []


def test_unknown_drivers_and_options(store):
    with pytest.raises(NotFound, match='plugin "nfs" not found'):
        store.create("v1", driver="nfs")
    with pytest.raises(InvalidArgument, match="create v1: invalid option"):
        store.create("v1", options={"x": "y"})
    assert names(store) == []


def test_use_guards_against_removal(store):
    store.create("v1")
    store.use("v1", "c1")
    store.use("v1", "c2")
    with pytest.raises(Conflict, match=r"^remove v1: volume is in use - \[c1, c2\]$"):
        store.remove("v1", force=True)
    store.unuse("v1", "c1")
    store.unuse("v1", "c1")
    assert store.users("v1") == ["c2"]
    store.unuse("v1", "c2")
    store.remove("v1")
    assert names(store) == []


def test_removal_takes_everything(tmp_path, database, store):
    volume, _ = store.create("v1")
    with open(f"{volume.mountpoint}/f", "w") as file:
        file.write("x")
    store.remove("v1")
    assert os.listdir(tmp_path / "volumes") == []
    with pytest.raises(NotFound, match=r"^get v1: no such volume$"):
        store.remove("v1")
    store.remove("v1", force=True)
    assert names(again(tmp_path, database)) == []


def test_a_removal_that_a_crash_interrupted_is_finished(tmp_path, database, store):
    store.create("v1")
    os.rename(tmp_path / "volumes" / "v1", tmp_path / "volumes" / ".removing-0123")
    found = again(tmp_path, database)
    assert names(found) == []
    assert os.listdir(tmp_path / "volumes") == []


def test_a_directory_without_a_record_is_taken_over_not_removed(tmp_path, database, store):
    (tmp_path / "volumes" / "lost" / "_data").mkdir(parents=True)
    (tmp_path / "volumes" / "lost" / "_data" / "f").write_text("precious")
    found = again(tmp_path, database)
    assert names(found) == ["lost"]
    assert (found.data_path("lost") / "f").read_text() == "precious"


def test_a_volume_without_record_and_content_is_not_taken_over(tmp_path, database, store):
    (tmp_path / "volumes" / "half").mkdir()
    (tmp_path / "volumes" / "whole" / "_data").mkdir(parents=True)
    assert names(again(tmp_path, database)) == []
    assert os.listdir(tmp_path / "volumes") == []


def test_a_volume_goes_with_its_container_unless_it_may_outlive_it(tmp_path, database, store):
    gone, _ = store.create(None, made_for="c1")
    kept, _ = store.create(None, made_for="c1")
    store.create(None, made_for="c2")
    store.create(None)
    store.outlive(kept.name)
    assert again(tmp_path, database).unclaimed({"c2"}) == [gone.name]


def test_damaged_records_are_named(tmp_path, database):
    database.put("volumes", "v1", b"{}")
    with pytest.raises(DataLoss, match="volume v1"):
        again(tmp_path, database)


def test_lists_and_prune(store):
    store.create("named")
    used, _ = store.create(None)
    store.use(used.name, "c1")
    free, _ = store.create(None)
    with open(f"{free.mountpoint}/f", "w") as file:
        file.write("x" * 1000)
    assert names(store, dangling=["true"]) == sorted(["named", free.name])
    assert store.prune({}) == ([free.name], 1000)
    assert store.prune({"all": ["true"]}) == (["named"], 0)
    assert names(store) == [used.name]
    assert store.count() == 1


def test_sizes_count_hard_links_once(store):
    volume, _ = store.create("v1")
    os.mkdir(f"{volume.mountpoint}/d")
    with open(f"{volume.mountpoint}/d/f", "w") as file:
        file.write("x" * 10)
    os.link(f"{volume.mountpoint}/d/f", f"{volume.mountpoint}/g")
    assert store.size("v1") == 10
    assert store.usage("v1").ref_count == 0


@pytest.fixture
def image(tmp_path):
    root = tmp_path / "image"
    (root / "etc" / "app").mkdir(parents=True)
    (root / "etc" / "app" / "conf").write_text("default")
    (root / "etc" / "app").chmod(0o750)
    (root / "etc" / "file").write_text("x")
    (root / "link").symlink_to("/etc/app")
    with Fd(os.open(root, os.O_PATH | os.O_DIRECTORY)) as descriptor:
        yield descriptor


def test_a_fresh_volume_is_filled_once(tmp_path, store, image):
    volume, _ = store.create("v1")
    store.copy_up("v1", image, "/etc/app")
    assert (store.data_path("v1") / "conf").read_text() == "default"
    assert os.stat(volume.mountpoint).st_mode & 0o777 == 0o750
    (store.data_path("v1") / "conf").write_text("changed")
    store.copy_up("v1", image, "/etc/app")
    assert (store.data_path("v1") / "conf").read_text() == "changed"
    assert os.listdir(tmp_path / "volumes" / "v1") == ["_data"]


def test_links_are_resolved_inside_the_image(store, image):
    store.create("v1")
    store.copy_up("v1", image, "/link")
    assert os.listdir(store.data_path("v1")) == ["conf"]
    store.create("v2")
    store.copy_up("v2", image, "/../../../etc")
    assert sorted(os.listdir(store.data_path("v2"))) == ["app", "file"]


@pytest.mark.parametrize("place", ["/etc/file", "/nosuch", "/etc/file/x"])
def test_what_is_no_directory_leaves_the_volume_empty(store, image, place):
    store.create("v1")
    store.copy_up("v1", image, place)
    assert os.listdir(store.data_path("v1")) == []


def test_mounting_a_plain_volume_is_nothing_but_brings_its_directory_back(store):
    store.create("v1")
    os.rmdir(store.data_path("v1"))
    store.mount("v1", "c1")
    assert store.data_path("v1").is_dir()
    store.unmount("v1", "c1")
    store.unmount("nosuch", "c1")
    with pytest.raises(NotFound):
        store.mount("nosuch", "c1")
