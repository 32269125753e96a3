from __future__ import annotations

import os
import threading

import pytest
from lying_registry import LyingRegistry, content, cut_at, digest_of, held, stall, status

from baleen.distribution.answers import Unreachable
from baleen.distribution.blobs import Downloads
from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.progress import State
from baleen.errors import DataLoss, NotFound, ResourceExhausted
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

DATA = os.urandom(3_000_000)


class Fetching:
    def __init__(self, world, data=DATA):
        self.world = world
        self.blob = Descriptor(media_type="x", digest=Digest(digest_of(data)), size=len(data))
        self.downloads = Downloads(world.content)
        self.events = []
        world.registry.add_blob(data)

    def fetch(self, lease, cancel=None, **options):
        cancel = cancel or self.world.cancel
        with self.world.repository(**options) as repository:
            self.downloads.fetch(repository, self.blob, lease, cancel, self.events.append)

    def states(self):
        found = []
        for event in self.events:
            if not found or found[-1] is not event.state:
                found.append(event.state)
        return found

    def ranges(self):
        return [r.headers.get("Range") for r in self.world.registry.asked("GET", "/blobs/")]


@pytest.fixture
def fetching(world):
    return Fetching(world)


def test_a_blob_comes_once(fetching, world, lease):
    fetching.fetch(lease)
    assert world.content.read(fetching.blob.digest, limit=len(DATA)) == DATA
    assert fetching.states() == [State.DOWNLOADING, State.VERIFYING, State.DOWNLOADED]
    fetching.fetch(lease)
    assert fetching.states()[-1] is State.EXISTS
    assert len(world.registry.requests) == 1


def test_a_cut_download_goes_on_where_it_was(fetching, world, lease):
    world.registry.lie("GET", "/blobs/", cut_at(1_200_000))
    world.registry.lie("GET", "/blobs/", cut_at(600_000, reset=True))
    fetching.fetch(lease)
    assert fetching.ranges()[:2] == [None, "bytes=1200000-"]
    assert len(fetching.ranges()) == 3
    assert world.content.has(fetching.blob.digest)
    assert State.RETRYING in fetching.states()


def test_a_server_without_ranges_is_read_from_the_beginning(fetching, world, lease):
    world.registry.lie("GET", "/blobs/", cut_at(1_200_000))
    world.registry.lie("GET", "/blobs/", content(DATA))
    fetching.fetch(lease)
    assert world.content.has(fetching.blob.digest)


@pytest.mark.parametrize(
    "answer",
    [
        content(DATA[5:], code=206, Content_Range=f"bytes 5-{len(DATA) - 1}/{len(DATA)}"),
        content(DATA[1_200_000:], code=206),
        status(416),
        content(os.urandom(1_800_000), code=206, Content_Range="bytes 1200000-2999999/3000000"),
    ],
)
def test_a_wrong_resumption_begins_anew(fetching, world, lease, answer):
    world.registry.lie("GET", "/blobs/", cut_at(1_200_000))
    world.registry.lie("GET", "/blobs/", answer)
    fetching.fetch(lease)
    assert fetching.ranges() == [None, "bytes=1200000-", None]
    assert world.content.has(fetching.blob.digest)


def test_a_blob_that_is_another_is_asked_for_twice_and_refused(fetching, world, lease):
    world.registry.blobs[fetching.blob.digest] = os.urandom(len(DATA))
    with pytest.raises(DataLoss, match=rf"{world.registry.authority}: content was expected to be"):
        fetching.fetch(lease)
    assert fetching.ranges() == [None, None]
    assert world.blobs() == set()
    assert world.content.partial_size(fetching.blob.digest) == 0


@pytest.mark.parametrize("change", [DATA[:-1], DATA + b"x"])
def test_a_size_that_is_another_is_refused_before_it_is_read(fetching, world, lease, change):
    world.registry.blobs[fetching.blob.digest] = change
    with pytest.raises(DataLoss, match=f"has {len(change)} bytes instead of {len(DATA)}"):
        fetching.fetch(lease)
    assert world.blobs() == set()


def test_an_endless_body_is_cut_off_at_the_promised_size(fetching, world, lease):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(100):
            handler.wfile.write(DATA)

    world.registry.lie("GET", "/blobs/", endless, times=2)
    with pytest.raises(DataLoss, match="is larger than 3000000 bytes"):
        fetching.fetch(lease)


def test_a_web_page_is_no_blob(fetching, world, lease):
    world.registry.lie("GET", "/blobs/", content(b"<html>", "text/html"), times=9)
    with pytest.raises(DataLoss, match="got a web page instead of blob"):
        fetching.fetch(lease)


def test_a_mirror_that_lies_is_left_for_the_registry(fetching, world, lease):
    with LyingRegistry() as mirror:
        mirror.blobs[str(fetching.blob.digest)] = os.urandom(len(DATA))
        world.with_settings(registry_mirrors={world.registry.authority: (f"{mirror.url}/",)})
        fetching.fetch(lease)
        assert len(mirror.requests) == 2
    assert fetching.ranges() == [None]


def test_a_mirror_that_has_it_not_is_left_too(fetching, world, lease):
    with LyingRegistry() as mirror:
        world.with_settings(registry_mirrors={world.registry.authority: (f"{mirror.url}/",)})
        fetching.fetch(lease)
    assert fetching.ranges() == [None]


def test_a_failure_for_good_keeps_what_came_for_the_next_time(fetching, world, lease):
    world.with_settings(max_download_attempts=1)
    world.registry.lie("GET", "/blobs/", cut_at(900_000))
    with pytest.raises(Unreachable, match="unexpected EOF"):
        fetching.fetch(lease)
    assert world.content.partial_size(fetching.blob.digest) == 900_000
    Fetching(world).fetch(lease)
    assert fetching.ranges() == [None, "bytes=900000-"]


def test_a_long_download_may_be_cut_more_often_than_is_allowed_at_once(fetching, world, lease):
    world.with_settings(max_download_attempts=2)
    world.registry.lie("GET", "/blobs/", cut_at(1_100_000), times=2)
    fetching.fetch(lease)
    assert fetching.ranges() == [None, "bytes=1100000-", "bytes=2200000-"]


def test_a_stalled_download_is_resumed(fetching, world, lease):
    world.with_settings(stall_timeout_s=0.1)
    world.registry.lie("GET", "/blobs/", stall(1_500_000))
    fetching.fetch(lease)
    assert fetching.ranges() == [None, "bytes=1500000-"]


def test_a_cancelled_download_ends_at_once_and_can_be_resumed(fetching, world, lease):
    world.registry.lie("GET", "/blobs/", stall(1_500_000))
    cancel = Cancellation()

    def when_asked():
        world.registry.wait_asked("GET", "/blobs/")
        cancel.cancel()

    thread = threading.Thread(target=when_asked)
    thread.start()
    with pytest.raises(Cancelled):
        fetching.fetch(lease, cancel)
    thread.join()
    fetching.fetch(lease)
    assert world.content.has(fetching.blob.digest)


def test_foreign_urls_are_not_fetched(world, lease):
    with LyingRegistry() as foreign:
        fetching = Fetching(world)
        world.registry.blobs.clear()
        blob = fetching.blob
        fetching.blob = Descriptor(
            media_type="x", digest=blob.digest, size=blob.size, urls=[f"{foreign.url}/layer"]
        )
        with pytest.raises(NotFound, match="offers at foreign URLs only; these are not fetched"):
            fetching.fetch(lease)
        assert foreign.requests == []


def test_a_full_disk_is_no_reason_to_try_again(fetching, world, lease, monkeypatch):
    def full(*_, **__):
        raise ResourceExhausted("no space left on device")

    monkeypatch.setattr("baleen.content.ingest.Ingest.write", full)
    with pytest.raises(ResourceExhausted):
        fetching.fetch(lease)
    assert len(world.registry.requests) == 1


def test_an_empty_blob_is_a_blob(world, lease):
    fetching = Fetching(world, b"")
    fetching.fetch(lease)
    assert world.content.has(fetching.blob.digest)


def test_two_at_once_are_one_download(fetching, world, lease):
    go = threading.Event()
    world.registry.lie("GET", "/blobs/", held(go))
    threads = [threading.Thread(target=fetching.fetch, args=(lease,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    world.registry.wait_asked("GET", "/blobs/")
    go.set()
    for thread in threads:
        thread.join(20)
    assert fetching.ranges() == [None]
    assert world.content.has(fetching.blob.digest)
