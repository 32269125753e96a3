"""Blobs out of a registry into the content store: resumed, verified, downloaded once for all.

A download that is cut goes on where it was by a Range request, now or after a restart of the
daemon: the content store keeps what came. Bytes are hashed as they come; a blob that turns out to
be another is asked for once more from its beginning. `urls` of a descriptor are never fetched.

See: OCI distribution-spec spec.md, "Pulling blobs"; RFC 9110, section 14.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from baleen.distribution.answers import Unreachable, status_of
from baleen.distribution.behind import WriteBehind
from baleen.distribution.exchange import Target, unreachable
from baleen.distribution.flights import Flights
from baleen.distribution.progress import Event, Meter, State
from baleen.distribution.retrying import Backoff
from baleen.distribution.routes import NetworkError
from baleen.errors import BaleenError, DataLoss, NotFound

if TYPE_CHECKING:
    from baleen.content.ingest import Ingest
    from baleen.content.store import ContentStore, Lease
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import Reply
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.progress import Progress
    from baleen.distribution.repository import Repository
    from baleen.oci.descriptor import Descriptor

__all__ = ["Downloads"]

_BUFFER = 1 << 20
# A buffer is passed on when it is full, or after so long on a slow line.
_FILL_S = 0.05
# A try that brought so much was no failure: a long download may be cut more often than is allowed.
_GAIN = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


class Downloads:
    """The downloads of a daemon."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._flights = Flights()

    def fetch(
        self,
        repository: Repository,
        descriptor: Descriptor,
        lease: Lease,
        cancel: Cancellation,
        progress: Progress,
    ) -> None:
        """Return when the blob is in the content store, under `lease`.

        Raises:
            NotFound: the registry does not have it.
            DataLoss: what it has is not that; names the registry.
            Unreachable, Unavailable: the last of many tries failed.
            ResourceExhausted: no space left.
            Cancelled: the caller gave up; what came stays for the next try.
        """
        if self._content.adopt(descriptor.digest, lease, size=descriptor.size):
            progress(Event(descriptor, State.EXISTS, descriptor.size, descriptor.size))
            return

        def work(own_cancel: Cancellation, tell: Progress) -> None:
            with self._content.lease() as own_lease:
                _Download(repository, descriptor, own_cancel, tell).run(self._content, own_lease)

        self._flights.fly(descriptor.digest, repository.source, work, cancel, progress)
        progress(Event(descriptor, State.DOWNLOADED, descriptor.size, descriptor.size))


class _Download:
    def __init__(
        self,
        repository: Repository,
        descriptor: Descriptor,
        cancel: Cancellation,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._descriptor = descriptor
        self._cancel = cancel
        self._progress = progress
        self._meter = Meter(descriptor, State.DOWNLOADING, progress)

    def run(self, content: ContentStore, lease: Lease) -> None:
        descriptor = self._descriptor
        with content.ingest(
            lease, expected=descriptor.digest, expected_size=descriptor.size, resume=True
        ) as ingest:
            if not ingest.is_complete:
                self._download(ingest)
            else:
                ingest.commit()

    def _download(self, ingest: Ingest) -> None:
        backoff = Backoff(self._repository.settings)
        restarted = False
        while True:
            endpoint, before = self._repository.endpoint, ingest.size
            try:
                self._stream(ingest)
                self._progress(self._event(State.VERIFYING))
                ingest.commit()
            except DataLoss as err:
                ingest.restart()
                if restarted:
                    self._leave_mirror(endpoint, err)
                restarted = not restarted
            except BaleenError as err:
                if ingest.size >= before + _GAIN:
                    backoff.gained()
                try:
                    backoff.failed(err, self._cancel, self._retrying)
                except BaleenError as final:
                    self._leave_mirror(endpoint, final)
                    backoff.gained()
            else:
                return

    def _leave_mirror(self, endpoint: Endpoint, err: BaleenError) -> None:
        """Go on without the mirror that failed, or raise what the registry itself did."""
        if self._repository.leave_mirror(endpoint, err):
            return
        if isinstance(err, DataLoss):
            raise DataLoss(f"{endpoint.authority}: {err.message}", hint=err.hint) from err
        if status_of(err) == 404 and self._descriptor.urls:
            raise NotFound(
                f"{endpoint.authority} does not have layer {self._descriptor.digest}, which its "
                "image offers at foreign URLs only; these are not fetched",
                details=err.details,
            ) from err
        raise err

    def _event(self, state: State, detail: str = "") -> Event:
        return Event(self._descriptor, state, 0, self._descriptor.size, detail)

    def _retrying(self, seconds: float) -> None:
        self._progress(self._event(State.RETRYING, f"{seconds:g}"))

    def _stream(self, ingest: Ingest) -> None:
        if ingest.size == self._descriptor.size and ingest.size:
            return
        reply = self._repository.settle(
            lambda endpoint: self._open(endpoint, ingest.size), self._cancel, patient=False
        )
        try:
            self._check_head(reply, ingest)
            self._copy(reply, ingest)
        except NetworkError as err:
            raise unreachable(self._target(self._repository.endpoint), "GET", err) from err
        finally:
            self._repository.release(reply)

    def _target(self, endpoint: Endpoint) -> Target:
        path = self._repository.url_path(f"blobs/{self._descriptor.digest}")
        return Target(endpoint, endpoint.prefix + path)

    def _open(self, endpoint: Endpoint, offset: int) -> Reply:
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        reply = self._repository.send(
            "GET",
            self._repository.url_path(f"blobs/{self._descriptor.digest}"),
            self._cancel,
            headers=headers,
            follow=True,
            endpoint=endpoint,
        )
        if reply.status in {200, 206, 416}:
            return reply
        raise self._repository.not_ok(reply)

    def _check_head(self, reply: Reply, ingest: Ingest) -> None:
        """Refuse what can not be the rest of the blob; begin anew where the server does."""
        size = self._descriptor.size
        if reply.header("Content-Type").startswith("text/html"):
            raise DataLoss(
                f"got a web page instead of blob {self._descriptor.digest}",
                hint="a captive portal or a proxy may be in the way",
            )
        if reply.status == 206 and ingest.size:
            found = _CONTENT_RANGE.fullmatch(reply.header("Content-Range"))
            if found is None or int(found[1]) != ingest.size or found[3] not in {str(size), "*"}:
                raise DataLoss(f"blob {self._descriptor.digest} was resumed at the wrong place")
        elif reply.status != 200:
            ingest.restart()
            authority = self._repository.endpoint.authority
            raise Unreachable(f"{authority}: blob {self._descriptor.digest} can not be resumed")
        elif ingest.size:
            ingest.restart()
        if reply.length is not None and reply.length != size - ingest.size:
            raise DataLoss(
                f"blob {self._descriptor.digest} has {ingest.size + reply.length} bytes "
                f"instead of {size}"
            )

    def _copy(self, reply: Reply, ingest: Ingest) -> None:
        received = ingest.size
        rest = self._descriptor.size - received
        with WriteBehind(ingest, max(1, min(_BUFFER, rest + 1))) as behind:
            ended = False
            while not ended:
                buffer, filled = behind.buffer(), 0
                until = time.monotonic() + _FILL_S
                try:
                    while filled < len(buffer) and not ended:
                        count = reply.read_into(buffer[filled:])
                        filled += count
                        ended = not count
                        if time.monotonic() > until:
                            break
                finally:
                    # What came before a cut is kept too.
                    behind.write(buffer, filled)
                received += filled
                self._meter.at(received)
