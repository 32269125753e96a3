from __future__ import annotations

import os

import pytest

from baleen.errors import InvalidArgument
from baleen.registry.auth.watched_file import WatchedFile


def parse(content):
    if content.startswith(b"bad"):
        raise InvalidArgument("it is bad")
    return content


def replace(path, content):
    """As an editor or a mounted secret does: another inode."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return path


def test_a_changed_file_is_read_again(path):
    watched = WatchedFile(path, parse, limit_bytes=10, complain=pytest.fail)
    assert watched.current() == b"one"
    replace(path, b"two")
    assert watched.current() == b"two"
    path.write_bytes(b"three")
    assert watched.current() == b"three"


def test_what_became_wrong_is_not_taken_and_complained_about_once(path):
    complaints = []
    watched = WatchedFile(path, parse, limit_bytes=10, complain=complaints.append)
    for wrong in (b"bad", b"x" * 11):
        replace(path, wrong)
        assert [watched.current(), watched.current()] == [b"one", b"one"]
    path.unlink()
    assert watched.current() == b"one"
    assert len(complaints) == 3
    assert "it is bad" in complaints[0]
    path.write_bytes(b"four")
    assert watched.current() == b"four"


def test_a_file_that_is_wrong_at_the_start_is_an_error(path):
    replace(path, b"bad")
    with pytest.raises(InvalidArgument):
        WatchedFile(path, parse, limit_bytes=10, complain=pytest.fail)
    with pytest.raises(FileNotFoundError):
        WatchedFile(path.with_name("none"), parse, limit_bytes=10, complain=pytest.fail)
