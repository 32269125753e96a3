"""Trees out of drafts, on a real overlay and on vfs."""

import io
import os
import tarfile
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from baleen.build.tree_store import Remapped, TreeStore
from baleen.build.trees import EMPTY, Tree
from baleen.content import ContentStore
from baleen.images.unpacking import Turns, Unpacking
from baleen.oci.image import chain_ids
from baleen.snapshots import OverlaySnapshotter, VfsSnapshotter

pytestmark = pytest.mark.integration


class World:
    def __init__(self, place, kind, owners=None):
        self.place = place
        self.content = ContentStore(place / "content")
        self.content.start()
        self.snapshots = kind(place / "snapshots", sync_delay_s=None, owners=owners)
        self.snapshots.start()
        self.turns = Turns()
        self.unpacked = 0
        self.store = TreeStore(self.content, self.snapshots, self.unpacking)
        with self.content.lease() as self.lease:
            pass

    @contextmanager
    def unpacking(self, variant):
        self.unpacked += 1
        with Unpacking(self.content, self.snapshots, variant, self.turns) as unpacking:
            yield unpacking

    def add(self, tree, **files):
        with self.store.draft(tree, self.lease) as draft:
            for name, text in files.items():
                write(draft.root, name, text)
            return draft.commit()

    def archive(self, tree):
        blob = self.content.read(tree.layers[-1].digest, limit=1 << 20)
        return tarfile.open(fileobj=io.BytesIO(blob))

    @property
    def drafts(self):
        return list((self.place / "snapshots/drafts").iterdir())


@pytest.fixture(params=[OverlaySnapshotter, VfsSnapshotter])
def world(request, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    return World(tmp_path, request.param)


@pytest.fixture
def stacked(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    return World(tmp_path, OverlaySnapshotter)


def write(root, name, text):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=root.fileno())
    os.write(fd, text.encode())
    os.close(fd)


def read(root, name):
    with open(os.open(name, os.O_RDONLY, dir_fd=root.fileno())) as file:
        return file.read()


def names(root):
    fd = os.open(".", os.O_RDONLY, dir_fd=root.fileno())
    try:
        return sorted(os.listdir(fd))
    finally:
        os.close(fd)


def test_a_tree_shows_what_its_layers_make(world):
    tree = world.add(world.add(EMPTY, a="1", b="1"), b="2", c="2")
    with world.store.open_tree(tree) as root:
        assert [read(root, name) for name in ("a", "b", "c")] == ["1", "2", "2"]
        assert names(root) == ["a", "b", "c"]
    assert len(tree.layers) == 2
    assert [m.name for m in world.archive(tree).getmembers()] == ["b", "c"]
    assert world.drafts == []


def test_what_was_removed_stays_removed(world):
    tree = world.add(EMPTY, a="1", b="1")
    with world.store.draft(tree, world.lease) as draft:
        os.unlink("a", dir_fd=draft.root.fileno())
        tree = draft.commit()
    with world.store.open_tree(tree) as root:
        assert names(root) == ["b"]
    assert ".wh.a" in world.archive(tree).getnames()


def test_nothing_is_unpacked_that_was_just_packed(world):
    world.add(world.add(EMPTY, a="1"), b="2")
    assert world.unpacked == 0


def test_a_pulled_tree_equals_the_one_that_was_made(world):
    tree = world.add(world.add(EMPTY, a="1", b="1"), b="2")
    for chain_id in reversed(chain_ids(tree.diff_ids)):
        world.snapshots.remove_layer(chain_id)
    with world.store.open_tree(tree) as root:
        assert (read(root, "a"), read(root, "b")) == ("1", "2")
    assert world.unpacked == 1


def test_an_opened_tree_cannot_be_written(world):
    for tree in (EMPTY, one := world.add(EMPTY, a="1"), world.add(one, b="1")):
        with world.store.open_tree(tree) as root, pytest.raises(OSError, match="Read-only"):
            os.mkdir("x", dir_fd=root.fileno())


def test_without_commit_nothing_is_left(world):
    with world.store.draft(EMPTY, world.lease) as draft:
        write(draft.root, "a", "1")
    assert world.drafts == []
    assert list(world.content.digests()) == []
    assert list(world.snapshots.layers()) == []


def test_a_step_that_changes_nothing_is_an_empty_layer(world):
    tree = world.add(world.add(EMPTY, a="1"))
    assert world.archive(tree).getnames() == []
    # The digest that every builder's empty archive has.
    assert tree.diff_ids[1] == (
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    )


def test_the_same_change_is_the_same_layer(world):
    def build():
        with world.store.draft(base, world.lease) as draft:
            write(draft.root, "b", "2")
            os.utime("b", ns=(0, 0), dir_fd=draft.root.fileno())
            return draft.commit()

    base = world.add(EMPTY, a="1")
    assert build() == build()
    assert world.drafts == []


def test_two_make_the_same_layer_at_once(world):
    base = world.add(EMPTY, a="1")
    start = threading.Barrier(2)
    found = []

    def build():
        with world.store.draft(base, world.lease) as draft:
            write(draft.root, "b", "2")
            os.utime("b", ns=(0, 0), dir_fd=draft.root.fileno())
            start.wait()
            found.append(draft.commit())

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert world.drafts == []


def test_no_file_is_newer_than_the_epoch(world):
    epoch_ns = 1_000_000_000 * 10**9
    with world.store.draft(EMPTY, world.lease) as draft:
        os.mkdir("d", dir_fd=draft.root.fileno())
        write(draft.root, "d/new", "1")
        write(draft.root, "old", "1")
        os.utime("old", (5, 5), dir_fd=draft.root.fileno())
        os.symlink("d", "link", dir_fd=draft.root.fileno())
        tree = draft.commit(epoch_ns=epoch_ns)
    times = {m.name: m.mtime for m in world.archive(tree).getmembers()}
    assert times == {"d": 10**9, "d/new": 10**9, "link": 10**9, "old": 5}
    with world.store.open_tree(tree) as root:
        assert os.stat("d/new", dir_fd=root.fileno()).st_mtime == 10**9


def test_what_containers_are_mounted_on_is_in_no_layer(world):
    with world.store.draft(EMPTY, world.lease, for_processes=True) as draft:
        assert "proc" in names(draft.root)
        write(draft.root, "a", "1")
        tree = draft.commit()
    assert world.archive(tree).getnames() == ["a"]
    with world.store.open_tree(tree) as root:
        assert names(root) == ["a"]


def test_a_layer_has_the_apparent_size_of_its_files(stacked):
    tree = stacked.add(EMPTY, a="12345", b="1")
    (chain_id,) = chain_ids(tree.diff_ids)
    assert stacked.snapshots.layer(chain_id).size_bytes == 6


def test_large_layers_are_compressed_and_have_the_diff_id_of_the_archive(world):
    tree = world.add(EMPTY, a="x" * (3 << 20))
    assert tree.layers[0].media_type.endswith("tar+gzip")
    assert tree.layers[0].size < 1 << 20
    for chain_id in chain_ids(tree.diff_ids):
        world.snapshots.remove_layer(chain_id)
    with world.store.open_tree(tree) as root:  # verifies the diff id
        assert len(read(root, "a")) == 3 << 20


def test_layers_of_remapped_processes_have_the_ids_of_the_image(tmp_path):
    remapped = Remapped(
        lambda uid, gid: (uid + 100_000, gid + 100_000),
        lambda uid, gid: (uid - 100_000, gid - 100_000),
    )

    class Owners:
        user_namespace = -1
        to_host = staticmethod(remapped.to_host)

    if os.geteuid() != 0:
        pytest.skip("needs root")
    world = World(tmp_path, OverlaySnapshotter, Owners())
    base = world.add(EMPTY, a="1")
    with world.store.draft(base, world.lease, for_processes=True, remapped=remapped) as draft:
        assert Path(draft.mounts.upper).stat().st_uid == 100_000
        upper = Path(draft.mounts.upper)
        (upper / "b").write_text("2")
        os.chown(upper / "b", 100_007, 100_008)
        tree = draft.commit()
    member = world.archive(tree).getmember("b")
    assert (member.uid, member.gid) == (7, 8)
    with world.store.open_tree(tree) as root:
        assert os.stat("b", dir_fd=root.fileno()).st_uid == 7
    assert world.unpacked == 1


def test_a_crash_leaves_no_draft(world):
    draft = world.store.draft(EMPTY, world.lease)
    write(draft.root, "a", "1")
    draft.root.close()
    again = World(world.place, type(world.snapshots))
    assert again.drafts == []


def test_a_tree_whose_blob_is_gone_says_so(world):
    tree = world.add(EMPTY, a="1")
    world.snapshots.remove_layer(chain_ids(tree.diff_ids)[0])
    world.content.path(tree.layers[0].digest).unlink()
    with pytest.raises(Exception, match="is not in the store"):
        world.store.open_tree(Tree(tree.layers, tree.diff_ids))
