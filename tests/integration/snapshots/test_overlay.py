"""The overlay snapshotter: what it promises, on a real file system."""

import errno
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from baleen.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from baleen.oci.digest import Digest
from baleen.snapshots import OverlaySnapshotter

pytestmark = pytest.mark.integration

A, B, C = (Digest("sha256:" + letter * 64) for letter in "abc")


@pytest.fixture
def place(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    return tmp_path / "snapshots"


def started(place, boot="boot-1", sync_delay_s=None):
    snapshotter = OverlaySnapshotter(place, boot_id=boot, sync_delay_s=sync_delay_s)
    snapshotter.start()
    return snapshotter


@pytest.fixture
def snapshotter(place):
    return started(place)


def add(snapshotter, chain_id, parent=None, **files):
    with snapshotter.draft(parent) as draft:
        for name, content in files.items():
            (draft.path / name).write_text(content)
        return draft.commit(chain_id, parent, sum(map(len, files.values())))


def tree(place):
    return sorted(str(p.relative_to(place)) for p in place.rglob("*"))


def test_layers_are_stacked_top_first(snapshotter, place):
    a = add(snapshotter, A, a="1")
    b = add(snapshotter, B, A, b="22")
    mounts = snapshotter.prepare("c1", B)
    assert mounts.lower == (str(b.path), str(a.path), str(place / "base"))
    assert Path(mounts.upper).is_dir()
    assert list(Path(mounts.work).iterdir()) == []
    assert snapshotter.mounts("c1") == mounts
    assert snapshotter.layer(B) == b
    assert {info.chain_id for info in snapshotter.layers()} == {A, B}
    assert snapshotter.lower(B) == [b.path, a.path]


def test_the_mounts_work(snapshotter, tmp_path):
    add(snapshotter, A, a="1")
    mounts = snapshotter.prepare("c1", A)
    target = tmp_path / "mnt"
    target.mkdir()
    options = f"lowerdir={':'.join(mounts.lower)},upperdir={mounts.upper},workdir={mounts.work}"
    script = (
        f"mount -t overlay overlay -o {options} {target} && cat {target}/a && echo x >{target}/n"
    )
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "1"
    assert (Path(mounts.upper) / "n").read_text() == "x\n"
    usage = snapshotter.usage("c1")
    assert (usage.size_bytes, usage.inodes) == (4096, 1)
    snapshotter.remove("c1")
    assert not Path(mounts.upper).exists()


def test_a_view_is_read_only_and_an_empty_root_is_possible(snapshotter):
    add(snapshotter, A, a="1")
    assert snapshotter.view("v", A).upper is None
    empty = snapshotter.prepare("e", None)
    assert len(empty.lower) == 1
    assert {path.name for path in Path(empty.lower[0]).iterdir()} == {
        "proc", "sys", "dev", "etc", ".dockerenv",
    }  # fmt: skip


def test_what_all_containers_have_to_mount_on_is_repaired(place):
    base = place / "base"
    started(place)
    (base / "etc/hosts").unlink()
    (base / "proc").chmod(0o700)
    started(place)
    assert (base / "etc/hosts").read_bytes() == b""
    assert stat.S_IMODE((base / "proc").stat().st_mode) == 0o755


def test_nobody_else_may_look(snapshotter, place):
    add(snapshotter, A, a="1")
    snapshotter.prepare("c1", A)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "ls", place], capture_output=True
    )
    assert result.returncode != 0


def test_the_root_looks_like_the_one_below(snapshotter):
    with snapshotter.draft() as draft:
        draft.path.chmod(0o750)
        os.chown(draft.path, 7, 8)
        draft.commit(A, None, 0)
    info = os.stat(snapshotter.prepare("c1", A).upper)
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o750, 7, 8)


def test_a_draft_that_is_not_committed_leaves_nothing(snapshotter, place):
    before = tree(place)
    with snapshotter.draft() as draft:
        (draft.path / "x").write_text("1")
    assert tree(place) == before
    assert snapshotter.layer(A) is None


def test_the_first_of_two_equal_layers_stays(snapshotter):
    with snapshotter.draft() as late:
        first = add(snapshotter, A, a="1")
        assert late.commit(A, None, 9) == first
    assert (first.path / "a").read_text() == "1"


def test_what_is_used_can_not_be_removed(snapshotter):
    add(snapshotter, A, a="1")
    add(snapshotter, B, A)
    with pytest.raises(Conflict, match="in use"):
        snapshotter.remove_layer(A)
    snapshotter.prepare("c1", B)
    with pytest.raises(Conflict):
        snapshotter.remove_layer(B)
    snapshotter.remove("c1")
    snapshotter.remove_layer(B)
    snapshotter.remove_layer(A)
    snapshotter.remove_layer(A)
    assert list(snapshotter.layers()) == []


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".x", "a\n", "x" * 129])
def test_bad_keys_are_refused(snapshotter, key):
    with pytest.raises(InvalidArgument, match="key"):
        snapshotter.prepare(key, None)


def test_errors_name_what_is_missing(snapshotter):
    with pytest.raises(NotFound, match=str(A)):
        snapshotter.prepare("c1", A)
    with pytest.raises(NotFound, match=str(A)):
        snapshotter.draft(A)
    snapshotter.prepare("c1", None)
    with pytest.raises(AlreadyExists, match="c1"):
        snapshotter.prepare("c1", None)
    snapshotter.remove("gone")
    with pytest.raises(NotFound, match="gone"):
        snapshotter.mounts("gone")
    with pytest.raises(NotFound, match="gone"):
        snapshotter.usage("gone")


def test_everything_is_found_again_after_a_restart(snapshotter, place):
    add(snapshotter, A, a="1")
    add(snapshotter, B, A)
    mounts = snapshotter.prepare("c1", B)
    snapshotter.draft()
    (place / "active/half").mkdir()
    (place / "layers/half").mkdir()
    again = started(place)
    assert again.mounts("c1") == mounts
    assert list(again.keys()) == ["c1"]
    assert {info.chain_id for info in again.layers()} == {A, B}
    assert not (place / "active/half").exists()
    assert not (place / "layers/half").exists()
    assert list((place / "drafts").iterdir()) == []


def test_after_a_crash_of_the_machine_only_synced_layers_count(snapshotter, place):
    add(snapshotter, A, a="1")
    snapshotter.sync()
    add(snapshotter, B, A)
    add(snapshotter, C, B)
    snapshotter.prepare("c1", C)
    again = started(place, boot="boot-2")
    assert {info.chain_id for info in again.layers()} == {A}
    with pytest.raises(NotFound, match=str(C)):
        again.mounts("c1")
    add(again, B, A)
    add(again, C, B)
    assert len(again.mounts("c1").lower) == 4


def test_layers_are_synced_by_themselves(place):
    snapshotter = started(place, sync_delay_s=0.01)
    add(snapshotter, A, a="1")
    add(snapshotter, B, A)
    for thread in threading.enumerate():
        if thread.name == "baleen-sync":
            thread.join()
    assert {info.chain_id for info in started(place, boot="boot-2").layers()} == {A, B}


def test_a_layer_whose_directory_was_deleted_does_not_count(snapshotter):
    info = add(snapshotter, A, a="1")
    subprocess.run(["rm", "-rf", info.path], check=True)
    assert snapshotter.layer(A) is None
    assert add(snapshotter, A, a="1").path == info.path


def test_deep_and_wide_trees_are_removed_and_measured(snapshotter):
    upper = Path(snapshotter.prepare("c1", None).upper)
    fd = os.open(upper, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep-directory", dir_fd=fd)
        deeper = os.open("deep-directory", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    (upper / "f").write_bytes(b"x" * 10_000)
    (upper / "g").hardlink_to(upper / "f")
    for number in range(300):
        (upper / f"wide{number}").mkdir()
    usage = snapshotter.usage("c1")
    assert usage.inodes == 3000 + 1 + 300
    assert usage.size_bytes == 3300 * 4096 + 12288
    snapshotter.remove("c1")
    assert not upper.exists()


def test_a_full_disk_is_named_and_leaves_nothing(snapshotter, place, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceExhausted, match=f"no space left on device: {place}"):
        snapshotter.prepare("c1", None)
    assert list(snapshotter.keys()) == []
    assert list((place / "drafts").iterdir()) == []


def test_a_file_system_without_overlay_support_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    # A directory on an overlay can not be the upper directory of another one.
    for name in ("low", "up", "work", "mnt"):
        (tmp_path / name).mkdir()
    program = (
        "import pathlib, sys\n"
        "from baleen.snapshots import OverlaySnapshotter\n"
        "from baleen.errors import FailedPrecondition\n"
        "try: OverlaySnapshotter(pathlib.Path(sys.argv[1])).start()\n"
        "except FailedPrecondition as err: print(err)\n"
    )
    mount = (
        f"mount -t overlay overlay -o lowerdir={tmp_path}/low,upperdir={tmp_path}/up,"
        f"workdir={tmp_path}/work {tmp_path}/mnt"
    )
    python = os.sys.executable
    result = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            f'{mount} && exec {python} -c "$0" {tmp_path}/mnt/s',
            program,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "can not hold writable layers" in result.stdout
    assert "move the data root" in result.stdout
    assert FailedPrecondition.__name__ not in result.stderr
