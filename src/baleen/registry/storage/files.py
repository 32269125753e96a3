"""Blobs and uploads as files of one local directory.

    <root>/blobs/<algorithm>/<first two digits>/<digits>.<generation>    complete, verified, durable
    <root>/uploads/<id>                                                  bytes so far
    <root>/uploads/<id>.json                                             whose they are

A blob is fsynced before it is renamed to its location, and its directory after. Sessions survive
kill -9, not a crash of the machine: a client begins such an upload anew. A writer holds its session
by flock(2), which holds against other processes too. Directories are 0700, files 0600.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from baleen.errors import Conflict, InvalidArgument, ResourceExhausted, Unavailable
from baleen.registry.storage.driver import Ingest, Reader, Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from baleen.oci.digest import Digest

__all__ = ["FileStorage"]

_ALGORITHMS = ("sha256", "sha512")
_SESSION_ID = re.compile(r"[a-f0-9]{32}")
_LOCATION = re.compile(r"(sha256|sha512)/([a-f0-9]{2})/([a-f0-9]{64}|[a-f0-9]{128})\.[a-f0-9]{8}")
_PIECE = 1 << 20


class FileStorage:
    """See the module's text."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"

    def start(self) -> None:
        """Make the directories, durably."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._uploads.mkdir(mode=0o700, exist_ok=True)
            for algorithm in _ALGORITHMS:
                (self._blobs / algorithm).mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_directory(self._blobs)
            _sync_directory(self._root)
        except OSError as err:
            raise InvalidArgument(
                f"cannot use {self._root} as the registry's storage: {err.strerror}",
                hint="give another directory with --data",
            ) from err

    def check(self) -> None:
        """Write and remove a file."""
        probe = self._uploads / f".probe-{secrets.token_hex(4)}"
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as err:
            raise Unavailable(f"the registry's storage cannot be written: {err.strerror}") from err

    def begin(self, session: Session) -> None:
        """Make the session's two files."""
        with _space(self._uploads):
            os.close(_create(self._uploads / session.id))
            record = _create(self._uploads / f"{session.id}.json")
            try:
                os.write(record, msgspec.json.encode(session))
            finally:
                os.close(record)

    def resume(self, session_id: str) -> Ingest | None:
        """Open and lock the session's file."""
        if _SESSION_ID.fullmatch(session_id) is None:
            return None
        session = self._session(session_id)
        if session is None:
            return None
        path = self._uploads / session_id
        try:
            fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Ended by its last holder between our open and our lock?
            if os.fstat(fd).st_nlink == 0 or not self._is_at(path, fd):
                os.close(fd)
                return None
        except BlockingIOError as err:
            os.close(fd)
            raise Conflict(f"another request is writing the upload {session_id}") from err
        return _FileIngest(self, session, path, fd)

    @staticmethod
    def _is_at(path: Path, fd: int) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(path.stat(), os.fstat(fd))
        return False

    def _session(self, session_id: str) -> Session | None:
        try:
            raw = (self._uploads / f"{session_id}.json").read_bytes()
            return msgspec.json.decode(raw, type=Session)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def sessions(self) -> Iterator[Session]:
        """Read the records; what has none that can be read is removed once it is a day old."""
        for path in self._uploads.iterdir():
            if path.suffix == ".json":
                session = self._session(path.stem)
                if session is not None:
                    yield session
                    continue
            elif path.with_suffix(".json").exists():
                continue
            with suppress(FileNotFoundError):
                yield Session(id=path.stem, repository="", owner="", started=path.stat().st_mtime)

    def end(self, session_id: str) -> bool:
        """Remove the session, or what is left of one, unless somebody holds it."""
        try:
            ingest = self.resume(session_id)
        except Conflict:
            return False
        if ingest is not None:
            ingest.discard()
        elif _SESSION_ID.fullmatch(session_id) is not None:
            self.forget(session_id)
        return True

    def forget(self, session_id: str) -> None:
        """Remove the session's files; its holder calls this."""
        (self._uploads / session_id).unlink(missing_ok=True)
        (self._uploads / f"{session_id}.json").unlink(missing_ok=True)

    def open(self, location: str) -> Reader | None:
        """Open the file."""
        try:
            fd = os.open(self._file(location), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        return _FileReader(fd)

    def path(self, location: str) -> str:
        """Return the file's path."""
        return str(self._file(location))

    def has(self, location: str) -> bool:
        """Look for the file."""
        return self._file(location).exists()

    def remove(self, location: str) -> None:
        """Unlink it; open readers go on."""
        self._file(location).unlink(missing_ok=True)

    def locations(self) -> Iterator[tuple[str, float]]:
        """Walk the tree."""
        for algorithm in _ALGORITHMS:
            for directory in (self._blobs / algorithm).iterdir():
                with os.scandir(directory) as entries:
                    for entry in entries:
                        location = f"{algorithm}/{directory.name}/{entry.name}"
                        if _LOCATION.fullmatch(location):
                            with suppress(FileNotFoundError):
                                yield location, entry.stat(follow_symlinks=False).st_mtime

    def adopt(self, source: Path, digest: Digest) -> str:
        """Rename a complete file, fsynced, to a fresh location."""
        generation = secrets.token_hex(4)
        location = f"{digest.algorithm}/{digest.encoded[:2]}/{digest.encoded}.{generation}"
        target = self._file(location)
        if not target.parent.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_directory(target.parent.parent)
        source.rename(target)
        _sync_directory(target.parent)
        return location

    def _file(self, location: str) -> Path:
        if _LOCATION.fullmatch(location) is None:
            raise InvalidArgument(f"{location!r} is no location of a blob")
        return self._blobs / location


class _FileReader:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = os.fstat(fd).st_size

    def read(self, start: int, length: int) -> bytes:
        return os.pread(self._fd, length, start)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _FileIngest:
    def __init__(self, storage: FileStorage, session: Session, path: Path, fd: int) -> None:
        self._storage = storage
        self._path = path
        self._fd = fd
        self.session = session
        self.size = os.fstat(fd).st_size

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        with _space(self._path.parent):
            while view:
                written = os.write(self._fd, view)
                self.size += written
                view = view[written:]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self.size = size

    def pieces(self) -> Iterator[bytes]:
        start = 0
        while piece := os.pread(self._fd, _PIECE, start):
            start += len(piece)
            yield piece

    def suspend(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def commit(self, digest: Digest) -> str:
        with _space(self._path.parent):
            # What is swept as left over goes by this time: it counts from here, not the last byte.
            os.utime(self._fd)
            os.fsync(self._fd)
            location = self._storage.adopt(self._path, digest)
        self.discard()
        return location

    def discard(self) -> None:
        self._storage.forget(self.session.id)
        self.suspend()


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _space(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ResourceExhausted(f"no space left on device: {directory}") from err
        raise
