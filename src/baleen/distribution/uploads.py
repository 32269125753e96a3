"""Blobs out of the content store into a registry: skipped, mounted, or uploaded.

    HEAD  blobs/<digest>                            200: it is there
    POST  blobs/uploads/?mount=<digest>&from=<repo> 201: mounted from another repository
    POST  blobs/uploads/                            202, Location
    PUT   <location>&digest=<digest>                201: in one piece

What is cut, or is too much for a proxy at once, goes on in chunks from where the registry says it
is: `GET <location>`, `PATCH <location>` with Content-Range, and a `PUT` without a body.

The registry compares the digest, so the bytes are not hashed here; where they go over a plain
socket they are not even read (sendfile).

See: OCI distribution-spec spec.md, "Pushing blobs".
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from baleen.distribution.answers import code_of, status_of
from baleen.distribution.cancellation import Cancelled
from baleen.distribution.connection import FilePiece
from baleen.distribution.exchange import Target
from baleen.distribution.progress import Event, Meter, State
from baleen.distribution.retrying import Backoff
from baleen.errors import BaleenError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    from baleen.content.store import ContentStore
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.connection import Reply
    from baleen.distribution.hosts import Endpoint
    from baleen.distribution.progress import Progress
    from baleen.distribution.repository import Repository
    from baleen.oci.descriptor import Descriptor

__all__ = ["Upload"]

# Of a chunk, where one request for all did not get through; below the limits of common proxies.
_CHUNK = 8 << 20
_CHUNK_LIMIT = 256 << 20
_PIECE = 1 << 20
_MOUNTS = 4
_GAIN = 1 << 20
_LOST = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID", "DIGEST_INVALID"})
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,19})")


class Upload:
    """One blob on its way to one repository; `run` once.

    Args:
        repository: where to; opened for pushing.
        content: where from.
        descriptor: of the blob.
        mount_from: paths of repositories of the same registry that may hold it.
        cancel: gives up; the registry forgets an unfinished upload by itself.
        progress: told of each step.
    """

    def __init__(
        self,
        repository: Repository,
        content: ContentStore,
        descriptor: Descriptor,
        mount_from: Sequence[str],
        cancel: Cancellation,
        progress: Progress,
    ) -> None:
        self._repository = repository
        self._content = content
        self._descriptor = descriptor
        self._mount_from = [path for path in mount_from if path != repository.reference.path]
        self._cancel = cancel
        self._progress = progress
        self._meter = Meter(descriptor, State.PUSHING, progress)
        self._session: Target | None = None
        self._chunk = 0
        self._restarted = False

    def run(self) -> None:
        """Return when the registry has the blob.

        Raises:
            PermissionDenied, Unauthorized: the registry refuses, in its words.
            DataLoss: our copy is damaged.
            Unreachable, Unavailable: the last of many tries failed.
            Cancelled: the caller gave up.
        """
        backoff = Backoff(self._repository.settings)
        offset = 0
        while True:
            before = offset
            try:
                self._try(offset)
            except Cancelled:
                raise
            except BaleenError as err:
                if not self._adapt(err):
                    backoff.failed(err, self._cancel, self._retrying)
                offset = self._resume()
                if offset >= before + _GAIN:
                    backoff.gained()
            else:
                return

    def _tell(self, state: State, detail: str = "") -> None:
        size = self._descriptor.size
        done = 0 if state is State.RETRYING else size
        self._progress(Event(self._descriptor, state, done, size, detail))

    def _retrying(self, seconds: float) -> None:
        self._tell(State.RETRYING, f"{seconds:g}")

    def _adapt(self, err: BaleenError) -> bool:
        """Change how the rest is sent; say whether that alone is worth another try.

        In chunks after a failure, in smaller ones where a proxy refuses these, and once from the
        beginning where the registry has lost its way.
        """
        if code_of(err) == "DIGEST_INVALID":
            self._verify()
        if code_of(err) in _LOST and not self._restarted:
            self._session = None
            self._restarted = True
            return True
        if status_of(err) == 413:
            self._session = None
            if self._chunk == 0:
                self._chunk = _CHUNK
            elif self._chunk > _PIECE:
                self._chunk = max(self._chunk // 4, _PIECE)
            else:
                raise err
            return True
        if self._chunk == 0 and self._session is not None:
            self._chunk = _CHUNK
        return False

    def _verify(self) -> None:
        """Find out whose fault it was that the digest did not fit."""
        for _ in self._content.chunks(self._descriptor.digest):
            self._cancel.check()

    # -- one try

    def _try(self, offset: int) -> None:
        if self._session is None:
            if self._exists():
                self._tell(State.EXISTS)
                return
            if self._mounted():
                return
        if self._session is None:
            self._session = self._start()
        if not self._chunk:
            self._put(self._session, self._descriptor.size)
        else:
            session = self._session
            while offset < self._descriptor.size:
                count = min(self._chunk, self._descriptor.size - offset)
                session = self._session = self._patch(session, offset, count)
                offset += count
            self._put(session, 0)
        self._tell(State.PUSHED)

    def _exists(self) -> bool:
        path = self._repository.url_path(f"blobs/{self._descriptor.digest}")
        status = self._repository.settle(partial(self._head, path), self._cancel, patient=False)
        # A registry that keeps its blobs elsewhere says where: they are there.
        return status in {200, 301, 302, 303, 307, 308}

    def _head(self, path: str, endpoint: Endpoint) -> int:
        reply = self._repository.send("HEAD", path, self._cancel, endpoint=endpoint)
        status = reply.status
        if status in {401, 403, 429} or status >= 500:
            raise self._repository.error_of(reply)
        self._repository.finish(reply)
        return status

    def _mounted(self) -> bool:
        """Have the registry take the blob from another of its repositories, where it can."""
        digest = self._descriptor.digest
        for path in self._mount_from[:_MOUNTS]:
            query = f"blobs/uploads/?mount={digest}&from={quote(path, safe='/')}"
            reply = self._repository.send(
                "POST",
                self._repository.url_path(query),
                self._cancel,
                scopes=[f"repository:{path}:pull"],
            )
            if reply.status == 201:
                self._repository.finish(reply)
                self._tell(State.MOUNTED, path)
                return True
            if reply.status == 202:
                # A registry that does not want to mount begins an upload, which will do.
                self._session = self._location(reply)
                return False
            self._repository.finish(reply)
        return False

    def _start(self) -> Target:
        path = self._repository.url_path("blobs/uploads/")
        reply = self._repository.send("POST", path, self._cancel)
        if reply.status != 202:
            raise self._repository.not_ok(reply)
        return self._location(reply)

    def _location(self, reply: Reply, before: Target | None = None) -> Target:
        """Return where the upload goes on, and release the reply."""
        location = reply.header("Location")
        least = reply.header("OCI-Chunk-Min-Length")
        self._repository.finish(reply)
        if least.isascii() and least.isdigit() and self._chunk:
            self._chunk = min(max(self._chunk, int(least[:18])), _CHUNK_LIMIT)
        if not location:
            if before is not None:
                return before
            raise Unavailable(f"{self._repository.endpoint.authority}: an upload has no location")
        path = self._repository.url_path("blobs/uploads/")
        endpoint = self._repository.endpoint
        return (before or Target(endpoint, endpoint.prefix + path)).follow(location)

    def _put(self, session: Target, count: int) -> None:
        joint = "&" if "?" in session.path else "?"
        where = Target(
            session.endpoint,
            f"{session.path}{joint}digest={quote(self._descriptor.digest, safe='')}",
            foreign=session.foreign,
        )
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(count)}
        reply = self._repository.send(
            "PUT", where, self._cancel, headers=headers, body=self._body(0, count)
        )
        self._repository.expect_stored(reply, {201, 204}, self._descriptor.digest)

    def _patch(self, session: Target, offset: int, count: int) -> Target:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(count),
            "Content-Range": f"{offset}-{offset + count - 1}",
        }
        reply = self._repository.send(
            "PATCH", session, self._cancel, headers=headers, body=self._body(offset, count)
        )
        if reply.status not in {202, 204}:
            raise self._repository.not_ok(reply)
        return self._location(reply, session)

    def _body(self, offset: int, count: int) -> Callable[[], Iterator[FilePiece]]:
        def pieces() -> Iterator[FilePiece]:
            if not count:
                return
            with self._content.open(self._descriptor.digest) as file:
                yield from self._pieces(file, offset, offset + count)

        return pieces

    def _pieces(self, file: IO[bytes], offset: int, end: int) -> Iterator[FilePiece]:
        while offset < end:
            count = min(_PIECE, end - offset)
            yield FilePiece(file, offset, count)
            offset += count
            self._meter.at(offset)

    # -- after a failure

    def _resume(self) -> int:
        """Return how much the registry has of the upload; a lost one is begun anew."""
        session = self._session
        if session is None:
            return 0
        try:
            reply = self._repository.send("GET", session, self._cancel)
            found = _RANGE.fullmatch(reply.header("Range"))
            if reply.status == 204 and found is not None:
                self._session = self._location(reply, session)
                # `0-0` is what registries say of an empty upload too: a byte is not worth telling.
                has = int(found[1]) + 1
                return has if 1 < has <= self._descriptor.size else self._forget()
            self._repository.finish(reply)
        except Cancelled:
            raise
        except BaleenError:
            pass
        return self._forget()

    def _forget(self) -> int:
        self._session = None
        return 0
