from __future__ import annotations

import os
import stat

import pytest

from baleen import errors
from baleen.cli.download import check_destination, save_stream


def test_a_file_is_private_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"a longer old text")
    path.chmod(0o644)
    save_stream(str(path), lambda: [b"new", b" text"])
    assert path.read_bytes() == b"new text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["f"]


def test_a_broken_stream_leaves_the_old_file(tmp_path):
    def broken():
        yield b"half"
        raise errors.DataLoss("broken")

    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(errors.DataLoss):
        save_stream(str(path), broken)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_device_is_written_to_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save_stream(str(path), lambda: [b"data"])
        assert os.read(reader, 100) == b"data"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_destinations_that_cannot_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_destination("f", "save", "image")
    check_destination(str(tmp_path / "f"), "save", "image")
    for path in (".", str(tmp_path), "no/f"):
        with pytest.raises(errors.InvalidArgument, match=r"^failed to save image: "):
            check_destination(path, "save", "image")


def test_a_terminal_gets_no_archive(monkeypatch):
    import baleen.cli.download as module

    monkeypatch.setattr(module, "is_terminal", lambda _descriptor: True)
    with pytest.raises(errors.InvalidArgument, match="cowardly refusing to export to a terminal"):
        check_destination("", "export", "container")
