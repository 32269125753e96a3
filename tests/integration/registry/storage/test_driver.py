"""The contract of storage drivers, which each of them fulfils."""

from __future__ import annotations

import secrets

import pytest
from registry_bed import digest_of
from s3_bed import make_bucket, settings

from baleen.errors import Conflict
from baleen.oci.digest import Digest
from baleen.registry.storage.driver import Session
from baleen.registry.storage.files import FileStorage
from baleen.registry.storage.s3 import S3Storage

ID = "0123456789abcdef" * 2
SESSION = Session(id=ID, repository="r", owner="me", started=5.0)
DATA = b"some bytes" * 1000


@pytest.fixture(params=["files", "s3"])
def storage(request, tmp_path):
    if request.param == "s3":
        url = request.getfixturevalue("s3_url")
        it = S3Storage(settings(url, f"bucket-{secrets.token_hex(4)}"))
        make_bucket(it)
    else:
        it = FileStorage(tmp_path / "data")
    it.start()
    return it


def store(storage, data=DATA):
    storage.begin(SESSION)
    ingest = storage.resume(ID)
    ingest.write(data)
    return ingest.commit(Digest(digest_of(data)))


def test_a_blob_is_read_in_parts(storage):
    location = store(storage)
    reader = storage.open(location)
    assert reader.size == len(DATA)
    assert reader.read(3, 4) == DATA[3:7]
    assert reader.read(len(DATA) - 1, 100) == DATA[-1:]
    assert reader.read(len(DATA), 100) == b""
    reader.close()
    reader.close()
    assert storage.has(location)


def test_a_session_goes_on(storage):
    storage.begin(SESSION)
    for part in (b"ab", b"cd"):
        ingest = storage.resume(ID)
        assert ingest.session == SESSION
        ingest.write(part)
        ingest.suspend()
        ingest.suspend()
    ingest = storage.resume(ID)
    assert ingest.size == 4
    assert b"".join(ingest.pieces()) == b"abcd"
    ingest.truncate(3)
    ingest.write(b"x")
    assert b"".join(ingest.pieces()) == b"abcx"
    ingest.suspend()
    assert [session.id for session in storage.sessions()] == [ID]


def test_one_writer_at_a_time(storage):
    storage.begin(SESSION)
    first = storage.resume(ID)
    with pytest.raises(Conflict):
        storage.resume(ID)
    assert not storage.end(ID)
    first.suspend()
    storage.resume(ID).suspend()


@pytest.mark.parametrize("way", ["commit", "discard", "end"])
def test_a_session_that_ended_is_gone(storage, way):
    storage.begin(SESSION)
    if way == "end":
        assert storage.end(ID)
    else:
        ingest = storage.resume(ID)
        ingest.write(DATA)
        ingest.commit(Digest(digest_of(DATA))) if way == "commit" else ingest.discard()
    assert storage.resume(ID) is None
    assert list(storage.sessions()) == []
    assert storage.end(ID)


@pytest.mark.parametrize("unsafe", ["", "..", "../x", "0" * 31, "G" * 32, ID + ".json", "\0"])
def test_what_is_no_session_is_none(storage, unsafe):
    assert storage.resume(unsafe) is None
    storage.end(unsafe)


def test_the_same_content_gets_another_location(storage):
    first, second = store(storage), store(storage)
    assert first != second
    storage.remove(first)
    storage.remove(first)
    assert not storage.has(first)
    assert storage.open(first) is None
    assert storage.has(second)
    assert [location for location, _ in storage.locations()] == [second]


def test_it_can_be_checked(storage):
    storage.check()
    storage.start()
