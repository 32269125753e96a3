"""A run's directory: what is attached, and that nothing of it stays."""

import os
from pathlib import Path

import pytest

from baleen.build.exec.place import Place, sweep
from baleen.linux.fd import Fd
from baleen.linux.mount import open_tree

pytestmark = pytest.mark.integration


@pytest.fixture
def tree(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts are real")
    top = tmp_path / "tree"
    (top / "d").mkdir(parents=True)
    (top / "d" / "f").write_text("1")
    (top / "out").symlink_to("/etc")
    return top


def opened(tree):
    return Fd(os.open(tree, os.O_PATH | os.O_DIRECTORY))


def mounts(place):
    return [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place) in line
    ]


@pytest.mark.parametrize("detached", [False, True])
def test_a_part_of_a_tree_is_shown(tree, tmp_path, detached):
    with Place(tmp_path / "runs") as place:
        with open_tree(str(tree)) if detached else opened(tree) as root:
            whole = Path(place.attach(root, "/", read_only=True))
            part = Path(place.attach(root, "/d", read_only=False))
            file = Path(place.attach(root, "d/f", read_only=True))
            with pytest.raises(FileNotFoundError):
                place.attach(root, "/out/passwd", read_only=True)
        assert (whole / "d/f").read_text() == file.read_text() == "1"
        (part / "new").write_text("2")
        with pytest.raises(OSError, match="Read-only"):
            (whole / "x").write_text("")
        assert len(mounts(place.path)) == 3 + 1  # the one whose part was not found
    assert not place.path.exists()
    assert mounts(place.path) == []
    assert (tree / "d/new").read_text() == "2"


def test_memory_holds_what_must_not_be_on_disk(tmp_path, tree):
    with Place(tmp_path / "runs") as place:
        directory = place.tmpfs("mode=700")
        (directory / "secret").write_text("1")
        assert directory.stat().st_dev != tmp_path.stat().st_dev
    assert not place.path.exists()


def test_what_a_daemon_that_died_left_goes_without_harm(tree, tmp_path):
    place = Place(tmp_path / "runs").__enter__()
    with opened(tree) as root:
        place.attach(root, "/", read_only=False)
        place.attach(root, "/d/f", read_only=False)
    ended = []
    sweep(tmp_path / "runs", lambda run_id, path: ended.append((run_id, path)))
    assert ended == [(place.id, place.path)]
    assert list((tmp_path / "runs").iterdir()) == []
    assert mounts(tmp_path) == []
    assert (tree / "d/f").read_text() == "1"
    sweep(tmp_path / "absent", lambda run_id, path: None)
