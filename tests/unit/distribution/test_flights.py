from __future__ import annotations

import threading

import pytest

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.flights import Flights
from baleen.distribution.progress import Event, State
from baleen.errors import NotFound
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

DIGEST = Digest.of(b"blob")
EVENT = Event(Descriptor(media_type="x", digest=DIGEST, size=1), State.DOWNLOADING, 1, 1)


class Blob:
    """A download that goes on when it is let, and tells when it has begun."""

    def __init__(self, failure=None):
        self.begun, self.let, self.ended = (threading.Event() for _ in range(3))
        self.count = 0
        self.failure = failure

    def __call__(self, cancel, progress):
        self.count += 1
        self.begun.set()
        try:
            with cancel.on_cancel(self.let.set):
                assert self.let.wait(30)
            cancel.check()
            progress(EVENT)
            if self.failure is not None:
                raise self.failure
        finally:
            self.ended.set()


class Passenger(threading.Thread):
    def __init__(self, flights, work, source="a", progress=lambda _: None):
        super().__init__(daemon=True)
        self.cancel = Cancellation()
        self.outcome = None
        self.arguments = flights, work, source, progress
        self.start()

    def run(self):
        flights, work, source, progress = self.arguments
        try:
            flights.fly(DIGEST, source, work, self.cancel, progress)
            self.outcome = "done"
        except Exception as err:
            self.outcome = err

    def end(self):
        self.join(20)
        assert not self.is_alive()
        return self.outcome


def aboard(flights, count):
    """Wait until so many are on board."""
    with flights._changed:
        assert flights._changed.wait_for(
            lambda: sum(len(f.passengers) for f in flights._flights.values()) == count, 20
        )


def boarding(flights):
    """Have boarding noticed by `aboard`."""
    real = flights._board

    def board(*arguments):
        flight = real(*arguments)
        flights._notify()
        return flight

    flights._board = board
    return flights


@pytest.fixture
def flights():
    return boarding(Flights())


def test_many_wait_for_one(flights):
    blob, events = Blob(), []
    passengers = [Passenger(flights, blob, progress=events.append) for _ in range(10)]
    aboard(flights, 10)
    blob.let.set()
    assert [passenger.end() for passenger in passengers] == ["done"] * 10
    assert blob.count == 1
    assert events == [EVENT] * 10
    assert flights._flights == {}


def test_one_that_gives_up_leaves_the_others(flights):
    blob = Blob()
    first, second = Passenger(flights, blob), Passenger(flights, blob)
    aboard(flights, 2)
    first.cancel.cancel()
    assert isinstance(first.end(), Cancelled)
    assert not blob.ended.is_set()
    blob.let.set()
    assert second.end() == "done"


def test_the_last_one_to_give_up_stops_the_download(flights):
    blob = Blob()
    passengers = [Passenger(flights, blob) for _ in range(2)]
    aboard(flights, 2)
    for passenger in passengers:
        passenger.cancel.cancel()
    assert all(isinstance(passenger.end(), Cancelled) for passenger in passengers)
    assert blob.ended.is_set()


def test_whoever_comes_after_a_cancelled_flight_begins_another(flights):
    first = Blob()
    gone = Passenger(flights, first)
    aboard(flights, 1)
    gone.cancel.cancel()
    assert isinstance(gone.end(), Cancelled)
    second = Blob()
    second.let.set()
    assert Passenger(flights, second).end() == "done"
    assert (first.count, second.count) == (1, 1)


def test_a_failure_is_everybodys_of_that_source(flights):
    blob = Blob(NotFound("gone"))
    passengers = [Passenger(flights, blob) for _ in range(3)]
    aboard(flights, 3)
    blob.let.set()
    assert [str(passenger.end()) for passenger in passengers] == ["gone"] * 3
    assert blob.count == 1


def test_another_source_tries_by_itself(flights):
    bad, good = Blob(NotFound("no right")), Blob()
    first = Passenger(flights, bad, "a")
    aboard(flights, 1)
    second = Passenger(flights, good, "b")
    aboard(flights, 2)
    good.let.set()
    bad.let.set()
    assert str(first.end()) == "no right"
    assert second.end() == "done"
    assert good.count == 1


def test_a_passenger_whose_progress_fails_is_alone_in_that(flights):
    def fails(event):
        raise ValueError(event.state)

    blob = Blob()
    bad, good = Passenger(flights, blob, progress=fails), Passenger(flights, blob)
    aboard(flights, 2)
    blob.let.set()
    assert isinstance(bad.end(), ValueError)
    assert good.end() == "done"
