import os

import pytest

from baleen.linux import inotify


def test_a_created_and_renamed_file_is_reported_by_name(tmp_path):
    with inotify.init() as fd:
        with pytest.raises(BlockingIOError):
            os.read(fd.fileno(), 4096)
        mask = inotify.IN_CREATE | inotify.IN_MOVED_FROM | inotify.IN_MOVED_TO
        watch = inotify.add_watch(fd.fileno(), str(tmp_path), mask)
        (tmp_path / "one").touch()
        (tmp_path / "one").rename(tmp_path / "two")
        events = list(inotify.parse_events(os.read(fd.fileno(), 4096)))
        assert [(e.watch, e.mask, e.name) for e in events] == [
            (watch, inotify.IN_CREATE, "one"),
            (watch, inotify.IN_MOVED_FROM, "one"),
            (watch, inotify.IN_MOVED_TO, "two"),
        ]
        assert events[1].cookie == events[2].cookie != 0
        inotify.remove_watch(fd.fileno(), watch)
        (event,) = inotify.parse_events(os.read(fd.fileno(), 4096))
        assert event.mask == inotify.IN_IGNORED


def test_a_missing_path_and_an_unknown_watch_are_errors(tmp_path):
    with inotify.init() as fd:
        with pytest.raises(FileNotFoundError):
            inotify.add_watch(fd.fileno(), str(tmp_path / "none"), inotify.IN_MODIFY)
        with pytest.raises(OSError, match="Invalid"):
            inotify.remove_watch(fd.fileno(), 77)
