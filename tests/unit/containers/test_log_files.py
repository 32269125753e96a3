"""The files of a log, while the writer renames them."""

from __future__ import annotations

import os

import pytest

from baleen.containers.log_files import LogFiles


@pytest.fixture
def files(tmp_path):
    files = LogFiles(tmp_path / "log")
    yield files
    files.close()


def read_all(files) -> bytes:
    data = b""
    while block := files.read():
        assert block.endswith(b"\n")
        data += block
    return data


def test_rotation_while_reading_loses_and_repeats_nothing(tmp_path, files):
    path = tmp_path / "log"
    path.write_bytes(b"1\n")
    files.open(None)
    assert files.read() == b"1\n"
    with path.open("ab") as log:
        log.write(b"2\n")
    for number in (3, 4, 5):
        for older in (2, 1):
            if (tmp_path / f"log.{older}").exists():
                os.rename(tmp_path / f"log.{older}", tmp_path / f"log.{older + 1}")
        os.rename(path, tmp_path / "log.1")
        path.write_bytes(f"{number}\n".encode())
    assert read_all(files) == b"2\n3\n4\n5\n"
    assert read_all(files) == b""


def test_between_rename_and_new_file_nothing_is_repeated(tmp_path, files):
    path = tmp_path / "log"
    path.write_bytes(b"1\n")
    files.open(None)
    assert read_all(files) == b"1\n"
    os.rename(path, tmp_path / "log.1")
    assert read_all(files) == b""
    path.write_bytes(b"2\n")
    assert read_all(files) == b"2\n"


def test_a_file_cut_in_place_is_read_from_its_begin(tmp_path, files):
    path = tmp_path / "log"
    path.write_bytes(b"1\n2\n")
    files.open(None)
    assert read_all(files) == b"1\n2\n"
    os.truncate(path, 0)
    with path.open("ab") as log:
        log.write(b"3\n")
    assert read_all(files) == b"3\n"


def test_a_torn_line_waits_for_its_end(tmp_path, files):
    path = tmp_path / "log"
    path.write_bytes(b"1\n2")
    files.open(None)
    assert read_all(files) == b"1\n"
    with path.open("ab") as log:
        log.write(b"2\n")
    assert read_all(files) == b"22\n"


def test_a_symbolic_link_is_not_followed(tmp_path, files):
    (tmp_path / "secret").write_bytes(b"x\n")
    (tmp_path / "log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        files.open(None)


def test_tail_does_not_count_a_torn_line(tmp_path, files):
    (tmp_path / "log").write_bytes(b"1\n2\n3\ntorn")
    files.open(2)
    assert read_all(files) == b"2\n3\n"


def test_a_log_that_is_not_followed_ends_where_it_ended_at_first(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"1\n2\n")
    (tmp_path / "log.1").write_bytes(b"0\n")
    files = LogFiles(path, growing=False)
    files.open(None)
    data = b""
    while block := files.read():
        data += block
        with path.open("ab") as log:  # a container that writes without pause
            log.write(b"more\n")
    files.close()
    assert data == b"0\n1\n2\n"
    empty = LogFiles(tmp_path / "none", growing=False)
    empty.open(None)
    (tmp_path / "none").write_bytes(b"late\n")
    assert empty.read() == b""
    empty.close()
