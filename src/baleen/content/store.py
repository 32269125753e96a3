"""The content store: blobs on disk by digest.

    <root>/oci-layout
    <root>/blobs/sha256/<hex>
    <root>/ingest/<random>        being written; removed at start

Calls block and may be made from any thread. Directories are 0700 and blobs 0600: layers hold setuid
programs and secrets of their images.

See: OCI image-spec image-layout.md.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Self

from baleen.errors import BaleenError, DataLoss, InvalidArgument, NotFound, ResourceExhausted
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["ContentStore", "Ingest", "Lease"]

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Lease:
    """Blobs that an operation needs though nothing refers to them yet."""

    def __init__(self) -> None:
        self.digests: set[Digest] = set()


class ContentStore:
    """See the module's text.

    Raises:
        ResourceExhausted: no space left; the temporary file is gone.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ingest_dir = root / "ingest"
        self._lock = threading.Lock()
        self._leases: list[Lease] = []

    def start(self) -> None:
        """Make the layout, and remove what a crash left half written."""
        for directory in (
            self._root,
            self._root / "blobs",
            self._root / "blobs" / "sha256",
            self._root / "blobs" / "sha512",
        ):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)
        shutil.rmtree(self._ingest_dir, ignore_errors=True)
        self._ingest_dir.mkdir(mode=0o700)
        layout = self._root / "oci-layout"
        if not layout.exists():
            layout.write_bytes(_LAYOUT)

    def path(self, digest: Digest) -> Path:
        """Return where the blob is or would be."""
        return self._root / "blobs" / digest.algorithm / digest.encoded

    def has(self, digest: Digest) -> bool:
        """Say whether the blob is here."""
        return self.path(digest).exists()

    def size(self, digest: Digest) -> int | None:
        """Return the blob's bytes on disk, or None when it is not here."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> IO[bytes]:
        """Open the blob unbuffered for reading; the caller closes it and verifies what it reads.

        Raises:
            NotFound: names the digest.
        """
        try:
            return self.path(digest).open("rb", buffering=0)
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
            raise DataLoss(
                f"content {digest} is corrupt: its bytes have another digest",
                hint="remove the image and pull or load it again",
            )
        return data

    def put(self, data: bytes, lease: Lease) -> Digest:
        """Store small content, unless it is here already; return its SHA-256 digest."""
        digest = Digest.of(data)
        if self.adopt(digest, lease) and self.size(digest) == len(data):
            return digest
        with self.ingest(lease, expected=digest) as ingest:
            ingest.write(data)
            return ingest.commit()

    def adopt(self, digest: Digest, lease: Lease) -> bool:
        """Lease the blob if it is here, and say whether it is."""
        with self._lock:
            lease.digests.add(digest)
            return self.has(digest)

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
    ) -> Ingest:
        """Begin a blob of unknown or promised digest and size; see `Ingest`."""
        return Ingest(self, lease, expected, expected_size, limit)

    def delete(self, digest: Digest) -> None:
        """Remove the blob; success means that it is gone."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[Digest]:
        """Return the digest of every blob, in no order."""
        for algorithm in ("sha256", "sha512"):
            for path in (self._root / "blobs" / algorithm).iterdir():
                with suppress(InvalidArgument):
                    yield Digest(f"{algorithm}:{path.name}")

    def collect(self, reachable: Callable[[], Iterable[Digest]]) -> int:
        """Remove every blob that is neither leased nor in `reachable`; return the bytes freed.

        `reachable` is called while no blob can appear: an operation that refers to its
        blobs before it gives up its lease never loses one.
        """
        freed = 0
        with self._lock:
            keep = set(reachable())
            keep.update(digest for lease in self._leases for digest in lease.digests)
            for digest in list(self.digests()):
                if digest not in keep:
                    freed += self.size(digest) or 0
                    self.delete(digest)
        return freed

    def _commit(self, temporary: Path, digest: Digest, lease: Lease) -> None:
        target = self.path(digest)
        with self._lock:
            lease.digests.add(digest)
            temporary.rename(target)
        directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _new_file(self) -> tuple[Path, int]:
        path = self._ingest_dir / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return path, os.open(path, flags, 0o600)


class Ingest:
    """A blob being written and hashed; a context manager that leaves nothing unless committed.

    Raises:
        DataLoss: digest or size are not the promised ones.
        ResourceExhausted: no space, or more than `limit` bytes.
    """

    def __init__(
        self,
        store: ContentStore,
        lease: Lease,
        expected: Digest | None,
        expected_size: int | None,
        limit: int | None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._expected = expected
        self._expected_size = expected_size
        self._limit = limit if expected_size is None else min(limit or expected_size, expected_size)
        self._algorithm = expected.algorithm if expected is not None else "sha256"
        self._hasher = (expected or Digest.of(b"")).hasher()
        self._path, self._fd = self._create()
        self.size = 0

    def _create(self) -> tuple[Path, int]:
        try:
            return self._store._new_file()  # noqa: SLF001  # two halves of one module
        except OSError as err:
            raise self._failure(err) from err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`."""
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            raise self._too_large()
        self._hasher.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as err:
            raise self._failure(err) from err

    def commit(self) -> Digest:
        """Verify, make durable and name the blob; return its digest."""
        if self._expected_size is not None and self.size != self._expected_size:
            raise DataLoss(
                f"content {self._expected} has {self.size} bytes instead of {self._expected_size}"
            )
        digest = Digest.from_hasher(self._algorithm, self._hasher)
        if self._expected is not None and digest != self._expected:
            raise DataLoss(f"content was expected to be {self._expected} but is {digest}")
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
            self._store._commit(self._path, digest, self._lease)  # noqa: SLF001
        except OSError as err:
            raise self._failure(err) from err
        return digest

    def discard(self) -> None:
        """Remove the temporary file; does nothing after `commit`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._path.unlink(missing_ok=True)

    def _too_large(self) -> BaleenError:
        if self._expected_size is not None:
            return DataLoss(f"content {self._expected} is larger than {self._expected_size} bytes")
        return ResourceExhausted(f"content is larger than the limit of {self._limit} bytes")

    def _failure(self, err: OSError) -> BaleenError | OSError:
        if err.errno in _FULL:
            return ResourceExhausted(
                f"no space left on device: {self._store.path(Digest.of(b'')).parent} "
                f"after {getattr(self, 'size', 0)} bytes",
                hint="remove unused images or enlarge the disk",
            )
        return err
