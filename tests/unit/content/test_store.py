"""A blob that has a name is complete and true; everything else leaves no trace."""

import errno
import os
import stat

import pytest

from baleen.content import ContentStore
from baleen.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted
from baleen.oci.digest import Digest


@pytest.fixture
def store(tmp_path):
    store = ContentStore(tmp_path / "content")
    store.start()
    return store


def files(store, tmp_path):
    return sorted(
        str(p.relative_to(tmp_path / "content"))
        for p in (tmp_path / "content").rglob("*")
        if p.is_file() and p.name != "oci-layout"
    )


def test_what_is_put_can_be_read_and_is_laid_out_as_oci_says(store, tmp_path):
    with store.lease() as lease:
        digest = store.put(b"hello", lease)
        assert store.put(b"hello", lease) == digest
    assert digest == Digest.of(b"hello")
    assert files(store, tmp_path) == [f"blobs/sha256/{digest.encoded}"]
    assert store.read(digest, limit=5) == b"hello"
    assert (store.size(digest), store.has(digest)) == (5, True)
    assert (tmp_path / "content/oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'


def test_nobody_else_may_look(store, tmp_path):
    with store.lease() as lease:
        digest = store.put(b"x", lease)
    for path in [tmp_path / "content", *(tmp_path / "content").rglob("*")]:
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path(digest).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("expected", "size", "limit", "error", "message"),
    [
        (Digest.of(b"other"), None, None, DataLoss, "was expected to be"),
        (Digest.of(b"hello"), 4, None, DataLoss, "larger than 4"),
        (Digest.of(b"hello"), 6, None, DataLoss, "5 bytes instead of 6"),
        (None, None, 4, ResourceExhausted, "limit of 4 bytes"),
    ],
)
def test_lies_about_content_leave_nothing(store, tmp_path, expected, size, limit, error, message):
    def ingest():
        with (
            store.lease() as lease,
            store.ingest(lease, expected=expected, expected_size=size, limit=limit) as blob,
        ):
            blob.write(b"hello")
            blob.commit()

    with pytest.raises(error, match=message):
        ingest()
    assert files(store, tmp_path) == []


def test_an_ingest_that_is_given_up_leaves_nothing(store, tmp_path):
    with store.lease() as lease, store.ingest(lease) as ingest:
        ingest.write(b"half")
        assert len(files(store, tmp_path)) == 1
    assert files(store, tmp_path) == []


def test_a_full_disk_is_named_and_leaves_nothing(store, tmp_path, monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.lease() as lease, store.ingest(lease) as ingest:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(ResourceExhausted, match=r"no space left on device: .*/ingest, where"):
            ingest.write(b"x")
    assert files(store, tmp_path) == []


def test_start_removes_what_a_crash_left(store, tmp_path):
    (tmp_path / "content/ingest/abc").write_bytes(b"half")
    ContentStore(tmp_path / "content").start()
    assert files(store, tmp_path) == []


def test_reading_verifies(store):
    with store.lease() as lease:
        digest = store.put(b"hello", lease)
    store.path(digest).write_bytes(b"hellO")
    with pytest.raises(DataLoss, match=f"{digest} is corrupt"):
        store.read(digest, limit=100)
    with pytest.raises(InvalidArgument, match="larger than 4"):
        store.read(digest, limit=4)
    store.delete(digest)
    store.delete(digest)
    with pytest.raises(NotFound, match=str(digest)):
        store.read(digest, limit=100)
    assert store.size(digest) is None


def test_a_corrupt_blob_is_replaced_when_put_again(store):
    with store.lease() as lease:
        digest = store.put(b"hello", lease)
        store.path(digest).write_bytes(b"hell")
        store.put(b"hello", lease)
    assert store.read(digest, limit=5) == b"hello"


def test_garbage_is_what_is_neither_reachable_nor_leased(store):
    with store.lease() as lease:
        kept = store.put(b"kept", lease)
        lost = store.put(b"lost!", lease)
        assert store.collect(list) == 0
    with store.lease() as lease:
        leased = store.put(b"leased", lease)
        assert store.adopt(kept, lease)
        assert store.collect(lambda: [leased]) == len(b"lost!")
    assert not store.has(lost)
    assert set(store.digests()) == {kept, leased}
    assert store.collect(lambda: [kept]) == len(b"leased")
    assert set(store.digests()) == {kept}


def test_sha512_blobs_have_their_own_directory(store, tmp_path):
    digest = Digest("sha512:" + __import__("hashlib").sha512(b"x").hexdigest())
    with store.lease() as lease, store.ingest(lease, expected=digest) as ingest:
        ingest.write(b"x")
        assert ingest.commit() == digest
    assert files(store, tmp_path) == [f"blobs/sha512/{digest.encoded}"]
    assert list(store.digests()) == [digest]


def test_what_a_read_finds_corrupt_is_not_here_until_it_is_written_again(store):
    with store.lease() as lease:
        digest = store.put(b"hello", lease)
        store.path(digest).write_bytes(b"hellO")
        assert store.adopt(digest, lease, size=5)
        with pytest.raises(DataLoss, match=f"{digest} is corrupt"):
            list(store.chunks(digest))
        assert not store.adopt(digest, lease)
        store.put(b"hello", lease)
        assert store.adopt(digest, lease)
        assert not store.adopt(digest, lease, size=4)
    assert list(store.chunks(digest)) == [b"hello"]
