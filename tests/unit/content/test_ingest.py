"""An interrupted download goes on where it stopped, and never makes a wrong blob."""

import os
import threading

import pytest

from baleen.content import ContentStore
from baleen.content.ingest import KEEP_PARTIAL_S, no_space
from baleen.errors import DataLoss, Unavailable
from baleen.oci.digest import Digest

DATA = b"0123456789" * 1000
DIGEST = Digest.of(DATA)


@pytest.fixture
def store(tmp_path):
    store = ContentStore(tmp_path / "content")
    store.start()
    return store


@pytest.fixture
def lease(store):
    with store.lease() as lease:
        yield lease


def restarted(store, tmp_path):
    again = ContentStore(tmp_path / "content")
    again.start()
    return again


def resume(store, lease, **more):
    return store.ingest(lease, expected=DIGEST, expected_size=len(DATA), resume=True, **more)


def interrupted(store, lease, data):
    with resume(store, lease) as ingest:
        ingest.write(data)


def test_it_goes_on_behind_a_restart(store, lease, tmp_path):
    interrupted(store, lease, DATA[:4000])
    assert store.partial_size(DIGEST) == 4000
    store = restarted(store, tmp_path)
    with store.lease() as lease, resume(store, lease) as ingest:
        assert (ingest.size, ingest.is_complete, ingest.is_resumed) == (4000, False, True)
        ingest.write(DATA[4000:])
        assert ingest.commit() == DIGEST
    assert store.read(DIGEST, limit=len(DATA)) == DATA
    store.settle([DIGEST])
    assert list((tmp_path / "content/ingest").iterdir()) == []


def test_what_is_here_already_is_complete_and_leased(store, lease):
    store.put(DATA, lease)
    with store.lease() as other, resume(store, other) as ingest:
        assert (ingest.is_complete, ingest.size) == (True, len(DATA))
        assert ingest.commit() == DIGEST
        assert DIGEST in other.digests


def test_a_source_without_ranges_begins_anew(store, lease):
    interrupted(store, lease, DATA[:4000])
    with resume(store, lease) as ingest:
        ingest.restart()
        assert (ingest.size, ingest.is_resumed) == (0, False)
        ingest.write(DATA)
        ingest.commit()
    assert store.has(DIGEST)


def test_spoiled_remains_are_found_dropped_and_written_anew(store, lease, tmp_path):
    interrupted(store, lease, b"x" * 4000)
    with resume(store, lease) as ingest:
        ingest.write(DATA[4000:])
        with pytest.raises(DataLoss, match="was expected to be"):
            ingest.commit()
        assert store.partial_size(DIGEST) == 0
        ingest.restart()
        ingest.write(DATA)
        assert ingest.commit() == DIGEST


@pytest.mark.parametrize("data", [DATA + b"x", DATA * 2])
def test_more_than_was_promised_is_not_kept(store, lease, data):
    with resume(store, lease) as ingest, pytest.raises(DataLoss, match="larger than"):
        ingest.write(data)
    assert store.partial_size(DIGEST) == 0


def test_remains_that_are_larger_than_the_blob_are_worth_nothing(store, lease, tmp_path):
    path = tmp_path / "content/ingest" / f"sha256-{DIGEST.encoded}"
    path.write_bytes(DATA * 2)
    with resume(store, lease) as ingest:
        assert ingest.size == 0


def test_an_ingest_that_got_nothing_leaves_nothing(store, lease, tmp_path):
    with resume(store, lease):
        pass
    assert list((tmp_path / "content/ingest").iterdir()) == []


def test_a_given_up_one_leaves_nothing(store, lease, tmp_path):
    with resume(store, lease) as ingest:
        ingest.write(b"x")
        ingest.discard()
    assert list((tmp_path / "content/ingest").iterdir()) == []


def test_one_blob_has_one_writer(store, lease):
    with resume(store, lease) as ingest:
        ingest.write(DATA[:10])
        with pytest.raises(Unavailable, match="is being written"):
            resume(store, lease, wait_s=0)
        found = []
        second = threading.Thread(target=lambda: found.append(_second(store)))
        second.start()
        ingest.write(DATA[10:])
        ingest.commit()
    second.join(10)
    assert found == [True]


def _second(store):
    with store.lease() as lease, resume(store, lease, wait_s=10) as ingest:
        return ingest.is_complete


def test_one_that_waited_goes_on_where_the_first_stopped(store, lease):
    found = []

    def follow():
        with store.lease() as other, resume(store, other, wait_s=10) as ingest:
            found.append(ingest.size)
            ingest.write(DATA[10:])
            ingest.commit()

    with resume(store, lease) as ingest:
        ingest.write(DATA[:10])
        second = threading.Thread(target=follow)
        second.start()
    second.join(10)
    assert found == [10]
    assert store.has(DIGEST)


def test_remains_expire_but_not_under_their_writer(store, lease, tmp_path):
    interrupted(store, lease, DATA[:10])
    path = tmp_path / "content/ingest" / f"sha256-{DIGEST.encoded}"
    store.collect(list)
    assert path.exists()
    os.utime(path, (1, 1))
    with resume(store, lease):
        store.collect(list)
        assert path.exists()
        os.utime(path, (1, 1))
    assert store.collect(list) == 10
    assert not path.exists()


def test_remains_expire_at_start(store, lease, tmp_path):
    interrupted(store, lease, DATA[:10])
    path = tmp_path / "content/ingest" / f"sha256-{DIGEST.encoded}"
    age = path.stat().st_mtime - KEEP_PARTIAL_S - 10
    os.utime(path, (age, age))
    restarted(store, tmp_path)
    assert not path.exists()


def test_remains_can_be_dropped_at_once(store, lease):
    interrupted(store, lease, DATA[:10])
    assert store.discard_partials() == 10
    assert store.partial_size(DIGEST) == 0


def test_a_blob_that_came_another_way_drops_the_remains(store, lease):
    interrupted(store, lease, DATA[:10])
    store.put(DATA, lease)
    assert store.partial_size(DIGEST) == 0


def test_a_link_in_place_of_the_remains_is_not_followed(store, lease, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "content/ingest" / f"sha256-{DIGEST.encoded}").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        resume(store, lease)
    assert victim.read_bytes() == b"precious"
    with pytest.raises(OSError, match="symbolic"):  # the claim was given back
        resume(store, lease, wait_s=0)


def test_a_full_file_system_is_told_with_what_is_free(tmp_path):
    message = no_space(tmp_path, "cannot write content").message
    assert message.startswith(f"no space left on device: cannot write content to {tmp_path}, where")
    assert "bytes are free" in message


def downloaded(store):
    with store.lease() as lease, resume(store, lease) as ingest:
        ingest.write(DATA)
        ingest.commit()


def test_a_complete_download_waits_for_the_next_try_behind_a_restart_too(store, tmp_path):
    downloaded(store)
    assert store.collect(list) == 0
    store = restarted(store, tmp_path)
    assert store.collect(list) == 0
    with store.lease() as lease, resume(store, lease) as ingest:
        assert ingest.is_complete
    assert store.discard_partials() == 0
    assert store.collect(list) == len(DATA)


def test_a_complete_download_is_garbage_after_a_day(store, tmp_path):
    downloaded(store)
    (mark,) = (tmp_path / "content/ingest").iterdir()
    os.utime(mark, (1, 1))
    assert store.collect(list) == len(DATA)
    assert not mark.exists()


def test_once_an_image_has_it_its_names_decide(store):
    downloaded(store)
    store.settle([DIGEST])
    assert store.collect(lambda: [DIGEST]) == 0
    assert store.collect(list) == len(DATA)
