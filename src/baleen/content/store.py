"""The content store: blobs on disk by digest.

    <root>/oci-layout
    <root>/blobs/sha256/<hex>
    <root>/ingest/                being written; see `baleen.content.ingest`

Calls block and may be made from any thread. Directories are 0700 and blobs 0600: layers hold setuid
programs and secrets of their images.

See: OCI image-spec image-layout.md.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from baleen.content.ingest import KEEP_PARTIAL_S, Ingest, IngestDirectory
from baleen.errors import Conflict, DataLoss, InvalidArgument, NotFound
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["ContentStore", "Ingest", "Lease"]

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_PIECE = 1 << 20


class Lease:
    """Blobs that an operation needs though nothing refers to them yet."""

    def __init__(self) -> None:
        self.digests: set[Digest] = set()


class ContentStore:
    """See the module's text.

    Attributes:
        generation: grows with every blob that is added.

    Raises:
        ResourceExhausted: no space left; what was written is gone.
    """

    def __init__(self, root: Path) -> None:
        self.generation = 0
        self._root = root
        self._blobs = f"{root}/blobs"
        self._ingests = IngestDirectory(root / "ingest")
        self._lock = threading.Lock()
        self._leases: list[Lease] = []
        self._corrupt: set[Digest] = set()

    def start(self) -> None:
        """Make the layout, and remove what a crash left and nobody can go on with."""
        for directory in (
            self._root,
            self._root / "blobs",
            self._root / "blobs" / "sha256",
            self._root / "blobs" / "sha512",
        ):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        self._ingests.start()
        layout = self._root / "oci-layout"
        if not layout.exists():
            layout.write_bytes(_LAYOUT)

    def path(self, digest: Digest) -> Path:
        """Return where the blob is or would be."""
        return self._root / "blobs" / digest.algorithm / digest.encoded

    def _file(self, digest: Digest) -> str:
        """Return the path as text: pathlib's would be half of the time of a start."""
        algorithm, _, encoded = digest.partition(":")
        return f"{self._blobs}/{algorithm}/{encoded}"

    def has(self, digest: Digest) -> bool:
        """Say whether the blob is here."""
        return self.size(digest) is not None

    def size(self, digest: Digest) -> int | None:
        """Return the blob's bytes on disk, or None when it is not here."""
        try:
            return os.stat(self._file(digest)).st_size  # noqa: PTH116  # see `_file`
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> IO[bytes]:
        """Open the blob unbuffered for reading; the caller closes it and verifies what it reads.

        Raises:
            NotFound: names the digest.
        """
        try:
            return open(self._file(digest), "rb", buffering=0)  # noqa: PTH123  # see `_file`
        except FileNotFoundError as err:
            raise NotFound(f"content {digest} is not in the store") from err

    def read(self, digest: Digest, *, limit: int) -> bytes:
        """Return a small blob, verified.

        Raises:
            NotFound: it is not here.
            DataLoss: it does not have its digest any more.
            InvalidArgument: it is larger than `limit` bytes.
        """
        with self.open(digest) as blob:
            data = b""
            while len(data) <= limit:
                piece = blob.read(limit + 1 - len(data))
                if not piece:
                    break
                data += piece
        if len(data) > limit:
            raise InvalidArgument(f"content {digest} is larger than {limit} bytes")
        if not digest.matches(data):
            raise self._damage(digest)
        return data

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """Return a large blob in pieces, verified at its end: only then it is known to be true.

        Raises:
            NotFound: it is not here.
            DataLoss: behind the last piece: it does not have its digest any more.
        """
        hasher = digest.hasher()
        with self.open(digest) as blob:
            while piece := blob.read(_PIECE):
                hasher.update(piece)
                yield piece
        if hasher.hexdigest() != digest.encoded:
            raise self._damage(digest)

    def _damage(self, digest: Digest) -> DataLoss:
        self.mark_corrupt(digest)
        return DataLoss(
            f"content {digest} is corrupt: its bytes have another digest",
            hint="pull or load the image again",
        )

    def mark_corrupt(self, digest: Digest) -> None:
        """Have the blob brought anew by whoever needs it next: `adopt` says that it is not here."""
        # Without the lock: a read within `collect` may come here. One step of a set is one step.
        self._corrupt.add(digest)

    def put(self, data: bytes, lease: Lease) -> Digest:
        """Store small content, unless it is here already; return its SHA-256 digest."""
        digest = Digest.of(data)
        if self.adopt(digest, lease, size=len(data)):
            return digest
        with self.ingest(lease, expected=digest) as ingest:
            ingest.write(data)
            return ingest.commit()

    def adopt(self, digest: Digest, lease: Lease, *, size: int | None = None) -> bool:
        """Lease the blob if it is here, and say whether it is.

        One of another size than `size`, or known to be corrupt, is not: it has to be written again.
        """
        with self._lock:
            lease.digests.add(digest)
            here = self.size(digest)
            return here is not None and size in (None, here) and digest not in self._corrupt

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Hold a lease: what is committed or adopted with it is no garbage inside the block."""
        lease = Lease()
        with self._lock:
            self._leases.append(lease)
        try:
            yield lease
        finally:
            with self._lock:
                self._leases.remove(lease)

    def ingest(
        self,
        lease: Lease,
        *,
        expected: Digest | None = None,
        expected_size: int | None = None,
        limit: int | None = None,
        resume: bool = False,
        wait_s: float | None = None,
    ) -> Ingest:
        """Begin a blob of unknown or promised digest and size; see `Ingest`.

        With `resume` (and `expected`) it goes on where an earlier one was interrupted; while
        another is under way it waits for up to `wait_s` seconds, or for ever.
        """
        return Ingest(
            self,
            self._ingests,
            lease,
            expected=expected,
            expected_size=expected_size,
            limit=limit,
            resume=resume,
            wait_s=wait_s,
        )

    def partial_size(self, digest: Digest) -> int:
        """Return the bytes that are here of a blob whose ingest was interrupted, unverified."""
        return self._ingests.partial_size(digest)

    def settle(self, digests: Iterable[Digest]) -> None:
        """Say that an image has these blobs: from here on its names decide about them.

        Until then a blob that a resumable ingest has brought is kept for a day, so that a pull that
        was broken off finds it again.
        """
        self._ingests.settle(digests)

    def discard_partials(self, *, age_s: float = 0) -> int:
        """Remove interrupted ingests that nobody goes on with; return the bytes freed.

        Complete ones that no image has are garbage from then on.
        """
        return self._ingests.expire(age_s)

    def delete(self, digest: Digest) -> None:
        """Remove the blob; success means that it is gone.

        Raises:
            Conflict: an operation under way needs it.
        """
        with self._lock:
            if any(digest in lease.digests for lease in self._leases):
                raise Conflict(f"content {digest} is needed by an operation under way")
            self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[Digest]:
        """Return the digest of every blob, in no order."""
        for algorithm in ("sha256", "sha512"):
            for path in (self._root / "blobs" / algorithm).iterdir():
                with suppress(InvalidArgument):
                    yield Digest(f"{algorithm}:{path.name}")

    def total_bytes(self) -> int:
        """Return the bytes of all blobs."""
        return sum(self.size(digest) or 0 for digest in self.digests())

    def collect(self, reachable: Callable[[], Iterable[Digest]]) -> int:
        """Remove every blob that is neither leased nor in `reachable`; return the bytes freed.

        `reachable` is called while no blob can appear: an operation that refers to its
        blobs before it gives up its lease never loses one.
        """
        freed = self.discard_partials(age_s=KEEP_PARTIAL_S)
        with self._lock:
            keep = set(reachable())
            keep.update(digest for lease in self._leases for digest in lease.digests)
            keep |= self._ingests.finished()
            for digest in list(self.digests()):
                if digest not in keep:
                    freed += self.size(digest) or 0
                    self.path(digest).unlink(missing_ok=True)
                    self._corrupt.discard(digest)
        return freed

    def _named(self, temporary: Path, digest: Digest, lease: Lease) -> None:
        target = self.path(digest)
        with self._lock:
            lease.digests.add(digest)
            temporary.rename(target)
            self.generation += 1
            self._corrupt.discard(digest)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
