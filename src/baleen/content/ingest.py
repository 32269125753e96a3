"""A blob while it is written and hashed, and what is left of one for the next try.

Two kinds::

    ingest/<random>               given up when its block ends: `load`, `import`, small documents
    ingest/<algorithm>-<hex>      *resumable*, named by the digest that was promised: a download.
                                  Stays when its block ends, the daemon stops or dies; the next
                                  ingest of that digest hashes what is there and goes on behind it.
    ingest/<algorithm>-<hex>.done empty: the download is complete, and the blob in its place, but no
                                  image has it yet: whoever tries the pull again finds it.

Of a resumable ingest there is at most one at a time (single flight): a second one waits, and then
finds the blob complete, or goes on where the first one stopped. What was not written to for a day
is garbage, and so is a complete download that no image came to need.

All calls block; an `Ingest` belongs to one thread at a time.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from threading import Condition, Lock
from typing import TYPE_CHECKING, Self

from baleen.errors import BaleenError, DataLoss, ResourceExhausted, Unavailable
from baleen.oci.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from baleen.content.store import ContentStore, Lease

__all__ = ["KEEP_PARTIAL_S", "Ingest", "IngestDirectory", "no_space"]

KEEP_PARTIAL_S = 24 * 3600
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PIECE = 1 << 20
_DONE = ".done"


class IngestDirectory:
    """The files that are being written; which digests are, in this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._ended = Condition(self._lock)
        self._writing: set[Digest] = set()
        self._finished: set[Digest] = set()

    def start(self) -> None:
        """Make the directory and remove what nobody can go on with."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.path.chmod(0o700)
        for path in list(self.path.iterdir()):
            digest = _promised(path.with_suffix("") if path.suffix == _DONE else path)
            if digest is None:
                path.unlink()
            elif path.suffix == _DONE:
                self._finished.add(digest)
        self.expire(KEEP_PARTIAL_S)

    def create(self) -> tuple[Path, int]:
        """Open a new file of a random name."""
        path = self.path / secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return path, os.open(path, flags, 0o600)

    def resume(self, digest: Digest) -> tuple[Path, int]:
        """Open the file of a promised digest, new or with what an earlier try left."""
        path = self._partial(digest)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return path, os.open(path, flags, 0o600)

    def claim(self, digest: Digest, wait_s: float | None) -> None:
        """Become the only writer of a digest; Unavailable when another stays one for too long."""
        with self._ended:
            if not self._ended.wait_for(lambda: digest not in self._writing, wait_s):
                raise Unavailable(f"content {digest} is being written by another operation")
            self._writing.add(digest)

    def release(self, digest: Digest) -> None:
        """Let the next writer of the digest begin."""
        with self._ended:
            self._writing.discard(digest)
            self._ended.notify_all()

    def partial_size(self, digest: Digest) -> int:
        """Return the bytes that are here of a blob whose ingest was interrupted, unverified."""
        try:
            return self._partial(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def drop(self, digest: Digest) -> None:
        """Remove what an interrupted ingest left, unless somebody is writing it."""
        with self._lock:
            if digest not in self._writing:
                self._partial(digest).unlink(missing_ok=True)

    def finish(self, digest: Digest) -> None:
        """Note that a download is complete, though no image has it yet."""
        self._done(digest).touch(mode=0o600)
        self._finished.add(digest)

    def settle(self, digests: Iterable[Digest]) -> None:
        """Note that an image has them now: from here on its names decide."""
        for digest in self._finished.intersection(digests):
            self._finished.discard(digest)
            self._done(digest).unlink(missing_ok=True)

    def finished(self) -> set[Digest]:
        """Return complete downloads that no image has."""
        return set(self._finished)

    def expire(self, age_s: float) -> int:
        """Remove interrupted ingests of at least that age in seconds; return the bytes freed.

        Complete downloads of that age are garbage from then on.
        """
        self._expire_finished(age_s)
        freed = 0
        for digest, path in list(self._partials()):
            with self._lock:
                if digest in self._writing:
                    continue
                try:
                    found = path.stat()
                    if time.time() - found.st_mtime < age_s:
                        continue
                    path.unlink()
                except FileNotFoundError:
                    continue
                freed += found.st_size
        return freed

    def _expire_finished(self, age_s: float) -> None:
        for digest in self.finished():
            try:
                is_old = time.time() - self._done(digest).stat().st_mtime >= age_s
            except FileNotFoundError:
                is_old = True
            if is_old:
                self.settle((digest,))

    def _done(self, digest: Digest) -> Path:
        return self.path / f"{digest.algorithm}-{digest.encoded}{_DONE}"

    def _partial(self, digest: Digest) -> Path:
        return self.path / f"{digest.algorithm}-{digest.encoded}"

    def _partials(self) -> Iterator[tuple[Digest, Path]]:
        for path in self.path.iterdir():
            digest = _promised(path)
            if digest is not None:
                yield digest, path


def _promised(path: Path) -> Digest | None:
    """Return the digest that a file of the ingest directory is meant for, or None."""
    algorithm, _, encoded = path.name.partition("-")
    try:
        return Digest(f"{algorithm}:{encoded}")
    except BaleenError:
        return None


class Ingest:
    """See the module's text; a context manager, made by `ContentStore.ingest`.

    Attributes:
        size: bytes so far; behind `__init__` those that an interrupted ingest had left.
        is_complete: the blob is in the store already: there is nothing to write.
        is_resumed: bytes of an earlier ingest are part of this one.

    Raises:
        DataLoss: digest or size are not the promised ones; the file is gone.
        ResourceExhausted: no space, no inodes, or more than `limit` bytes; the file is gone.
        Unavailable: another one writes this digest for longer than `wait_s` seconds.
    """

    def __init__(
        self,
        store: ContentStore,
        directory: IngestDirectory,
        lease: Lease,
        *,
        expected: Digest | None,
        expected_size: int | None,
        limit: int | None,
        resume: bool,
        wait_s: float | None,
    ) -> None:
        self._store = store
        self._directory = directory
        self._lease = lease
        self._expected = expected
        self._expected_size = expected_size
        self._limit = limit if expected_size is None else min(limit or expected_size, expected_size)
        self._algorithm = expected.algorithm if expected is not None else "sha256"
        self._hasher = (expected or Digest.of(b"")).hasher()
        self._claimed: Digest | None = None
        self._path: Path | None = None
        self._fd = -1
        self.size = 0
        self.is_complete = False
        self.is_resumed = False
        if resume:
            self._resume(expected, wait_s)
        else:
            self._path, self._fd = self._opened()

    def _resume(self, expected: Digest | None, wait_s: float | None) -> None:
        assert expected is not None, "only a promised digest can be resumed"
        self._directory.claim(expected, wait_s)
        self._claimed = expected
        try:
            if self._store.adopt(expected, self._lease, size=self._expected_size):
                self.is_complete = True
                self.size = self._store.size(expected) or 0
                return
            self._path, self._fd = self._opened()
            self._read_back()
        except BaseException:
            self.pause()
            raise

    def _opened(self) -> tuple[Path, int]:
        try:
            if self._claimed is not None:
                return self._directory.resume(self._claimed)
            return self._directory.create()
        except OSError as err:
            raise self._failure(err) from err

    def _read_back(self) -> None:
        """Hash what an earlier ingest left; more than was promised now is worth nothing."""
        here = os.fstat(self._fd).st_size
        if self._limit is not None and here > self._limit:
            self.restart()
            return
        while piece := os.read(self._fd, _PIECE):
            self._hasher.update(piece)
            self.size += len(piece)
        self.is_resumed = self.size > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._claimed is None:
            self.discard()
        else:
            self.pause()

    def write(self, data: bytes | memoryview) -> None:
        """Add `data`."""
        assert not self.is_complete, "the blob is complete"
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            self._remove()
            raise self._too_large()
        self._hasher.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as err:
            raise self._failure(err) from err

    def restart(self) -> None:
        """Forget what was written, and begin anew: the source does not serve ranges."""
        if self._fd < 0:
            self._path, self._fd = self._opened()
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hasher = (self._expected or Digest.of(b"")).hasher()
        self.size = 0
        self.is_resumed = False

    def commit(self) -> Digest:
        """Verify, make durable and name the blob; return its digest.

        Behind a DataLoss `restart` begins anew with an empty file.
        """
        if self.is_complete:
            assert self._expected is not None
            return self._expected
        digest = self._verified()
        assert self._path is not None
        try:
            os.fsync(self._fd)
            self._close()
            if self._claimed is not None:
                self._directory.finish(digest)
            self._store._named(self._path, digest, self._lease)  # noqa: SLF001  # its other half
        except OSError as err:
            raise self._failure(err) from err
        self._path = None
        self.is_complete = True
        self._expected = digest
        if self._claimed is None:
            self._directory.drop(digest)
        return digest

    def _verified(self) -> Digest:
        if self._expected_size is not None and self.size != self._expected_size:
            size = self.size
            self._remove()
            raise DataLoss(
                f"content {self._expected} has {size} bytes instead of {self._expected_size}"
            )
        digest = Digest.from_hasher(self._algorithm, self._hasher)
        if self._expected is not None and digest != self._expected:
            self._remove()
            raise DataLoss(f"content was expected to be {self._expected} but is {digest}")
        return digest

    def pause(self) -> None:
        """End; a resumable ingest keeps what was written for the next one."""
        self._close()
        if self._claimed is not None:
            if self._path is not None and not self.size:
                self._path.unlink(missing_ok=True)
            self._directory.release(self._claimed)
            self._claimed = None

    def discard(self) -> None:
        """End and keep nothing; does nothing after `commit`."""
        self._remove()
        self.pause()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _remove(self) -> None:
        self._close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def _too_large(self) -> BaleenError:
        if self._expected_size is not None:
            return DataLoss(f"content {self._expected} is larger than {self._expected_size} bytes")
        return ResourceExhausted(f"content is larger than the limit of {self._limit} bytes")

    def _failure(self, err: OSError) -> BaleenError | OSError:
        """Return what to raise for `err`; what was written is given back when the disk is full."""
        if err.errno not in _FULL:
            return err
        self._remove()
        what = f"content {self._expected}" if self._expected is not None else "content"
        wanted = f" of {self._expected_size} bytes" if self._expected_size is not None else ""
        return no_space(self._directory.path, f"cannot write {what}{wanted}")


def no_space(directory: Path, what: str) -> ResourceExhausted:
    """Return the error of a full file system: what, where, and what is left of bytes and inodes.

    Called after what was written is removed, so the numbers are those the user meets.
    """
    found = os.statvfs(directory)
    free = f"{found.f_bavail * found.f_frsize} bytes are free"
    if found.f_files and not found.f_favail:
        free = f"no inodes are free, {free}"
    return ResourceExhausted(
        f"no space left on device: {what} to {directory}, where {free}",
        hint="remove unused images (docker image prune) or enlarge the disk",
    )
