"""One download of a blob for all who want it at the same time.

A *flight* is a download in a thread of its own; those who wait for it are its *passengers*. One
that gives up leaves the others on board; when the last has left, the flight is cancelled, and what
it has got so far stays for the next. When it fails, passengers from other repositories (or with
other credentials) try by themselves, one after the other.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from baleen.distribution.cancellation import Cancellation, Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.distribution.progress import Event, Progress
    from baleen.oci.digest import Digest

    Work = Callable[[Cancellation, Progress], None]

__all__ = ["Flights"]


@dataclass(slots=True, eq=False)
class _Passenger:
    progress: Progress
    failure: BaseException | None = None


@dataclass(slots=True, eq=False)
class _Flight:
    source: object
    cancel: Cancellation = field(default_factory=Cancellation)
    passengers: list[_Passenger] = field(default_factory=list)
    abandoned: bool = False
    done: bool = False
    failure: BaseException | None = None


class Flights:
    """All flights of a daemon, by digest."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._flights: dict[Digest, _Flight] = {}

    def fly(
        self, digest: Digest, source: object, work: Work, cancel: Cancellation, progress: Progress
    ) -> None:
        """Return when the blob has come, by `work` or by another's that is under way.

        Args:
            digest: of the blob.
            source: equal for those whose `work` would fail in the same way.
            work: downloads it; runs in another thread, perhaps for others after we have left.
            cancel: of this passenger.
            progress: told of each step.

        Raises:
            Cancelled: this passenger gave up.
            BaleenError: the download failed.
        """
        while True:
            passenger = _Passenger(progress)
            flight = self._board(digest, source, work, passenger, cancel)
            self._stay(flight, passenger, cancel)
            if passenger.failure is not None:
                raise passenger.failure
            cancel.check()
            if flight.failure is None:
                return
            if flight.source == source:
                raise flight.failure

    def _board(
        self,
        digest: Digest,
        source: object,
        work: Work,
        passenger: _Passenger,
        cancel: Cancellation,
    ) -> _Flight:
        with cancel.on_cancel(self._notify), self._changed:
            # One that was cancelled still holds the blob's partial file.
            while (flight := self._flights.get(digest)) is not None and flight.abandoned:
                cancel.check()
                self._changed.wait()
            if flight is None:
                flight = self._flights[digest] = _Flight(source)
                threading.Thread(
                    target=self._run, args=(digest, flight, work), name="download", daemon=True
                ).start()
            flight.passengers.append(passenger)
            return flight

    def _stay(self, flight: _Flight, passenger: _Passenger, cancel: Cancellation) -> None:
        with cancel.on_cancel(self._notify), self._changed:
            self._changed.wait_for(
                lambda: flight.done or cancel.cancelled or passenger.failure is not None
            )
            flight.passengers.remove(passenger)
            if flight.passengers or flight.done:
                return
            flight.abandoned = True
        flight.cancel.cancel()
        with self._changed:
            self._changed.wait_for(lambda: flight.done)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self, digest: Digest, flight: _Flight, work: Work) -> None:
        try:
            work(flight.cancel, lambda event: self._tell(flight, event))
        except BaseException as err:  # raised by each passenger
            flight.failure = err
        with self._changed:
            flight.done = True
            del self._flights[digest]
            self._changed.notify_all()

    def _tell(self, flight: _Flight, event: Event) -> None:
        with self._changed:
            passengers = list(flight.passengers)
        for passenger in passengers:
            try:
                passenger.progress(event)
            except BaseException as err:  # that passenger's own
                with self._changed:
                    passenger.failure = passenger.failure or err
                    self._changed.notify_all()
        if flight.cancel.cancelled:
            raise Cancelled
