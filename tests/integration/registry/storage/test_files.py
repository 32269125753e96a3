"""The `files` driver: modes, durability, full disks, and paths that leave the root."""

from __future__ import annotations

import os
import subprocess

import pytest
from registry_bed import digest_of

from baleen.errors import InvalidArgument, ResourceExhausted, Unavailable
from baleen.oci.digest import Digest
from baleen.registry.storage.driver import Session
from baleen.registry.storage.files import FileStorage

ID = "0" * 32
SESSION = Session(id=ID, repository="r", owner="", started=0.0)
DIGEST = Digest(digest_of(b"x"))


@pytest.fixture
def storage(tmp_path):
    it = FileStorage(tmp_path / "data")
    it.start()
    return it


def test_nobody_else_reads_it(storage, tmp_path):
    old = os.umask(0)
    try:
        storage.begin(SESSION)
        ingest = storage.resume(ID)
        ingest.write(b"x")
        location = ingest.commit(DIGEST)
    finally:
        os.umask(old)
    root = tmp_path / "data"
    assert root.stat().st_mode & 0o777 == 0o700
    assert (root / "blobs" / location).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("unsafe", ["../../etc/passwd", "sha256/aa/x", "", "sha256/../x.00000000"])
def test_a_location_that_is_none_is_refused(storage, unsafe):
    for call in (storage.open, storage.has, storage.remove, storage.path):
        with pytest.raises(InvalidArgument):
            call(unsafe)


def test_bytes_are_durable_before_they_have_a_name(storage, monkeypatch):
    order = []
    for name in ("fsync", "rename"):
        original = getattr(os, name)

        def call(*arguments, name=name, original=original):
            order.append(name)
            return original(*arguments)

        monkeypatch.setattr(os, name, call)
    storage.begin(SESSION)
    ingest = storage.resume(ID)
    ingest.write(b"x")
    ingest.commit(DIGEST)
    # File, (its new directory,) name, directory of the name.
    assert order == ["fsync", "fsync", "rename", "fsync"]


def test_what_a_crash_left_of_a_session_can_be_ended(storage, tmp_path):
    uploads = tmp_path / "data/uploads"
    (uploads / ("1" * 32)).write_bytes(b"bytes without a record")
    (uploads / ("2" * 32 + ".json")).write_bytes(b"{")
    ended = [session.id for session in storage.sessions() if storage.end(session.id)]
    assert sorted(ended) == ["1" * 32, "2" * 32]
    assert list(uploads.iterdir()) == []


def test_a_full_disk_is_said(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounted, check=False).returncode:
        pytest.skip("needs to mount a tmpfs")
    try:
        storage = FileStorage(place)
        storage.start()
        storage.begin(SESSION)
        ingest = storage.resume(ID)
        with pytest.raises(ResourceExhausted, match="no space left"):
            ingest.write(b"x" * (1 << 20))
        ingest.discard()
        assert list((place / "uploads").iterdir()) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_root_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    storage = FileStorage(tmp_path / "file")
    with pytest.raises(InvalidArgument, match="cannot use"):
        storage.start()
    with pytest.raises(Unavailable):
        storage.check()
