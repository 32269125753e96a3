"""Times that are newer than a given one are set back to it; nothing else is touched."""

import os

from baleen.archive.clamp import clamp_times
from baleen.archive.tree import DIRECTORY

LATEST = 10**18


def test_newer_times_are_set_back_without_following_links(tmp_path):
    top, outside = tmp_path / "top", tmp_path / "outside"
    deep = top / "d" / "e"
    deep.mkdir(parents=True)
    outside.write_text("")
    for path in (top / "new", top / "old", deep / "file"):
        path.write_text("")
    os.utime(top / "old", ns=(5, 5))
    (top / "link").symlink_to(outside)
    (top / "up").symlink_to(tmp_path)
    before = outside.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns
    fd = os.open(top, DIRECTORY)
    try:
        clamp_times(fd, LATEST)
    finally:
        os.close(fd)
    for path in (top, top / "new", top / "d", deep, deep / "file", top / "link", top / "up"):
        assert path.lstat().st_mtime_ns == LATEST, path
    assert (top / "old").stat().st_mtime_ns == 5
    assert (outside.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns) == before


def test_hard_links_and_nanoseconds(tmp_path):
    (tmp_path / "a").write_text("")
    os.link(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "a", ns=(LATEST + 1, LATEST + 1))
    fd = os.open(tmp_path, DIRECTORY)
    try:
        clamp_times(fd, LATEST)
    finally:
        os.close(fd)
    assert (tmp_path / "b").stat().st_mtime_ns == LATEST
