"""Writing an untrusted tar stream below one local folder.

    target (opened once) ── openat, O_NOFOLLOW ──► folder ──► folder ──► entry

Every path is walked from the target's descriptor, one component at a time, without following any
link: not one of the archive, not one that another process put there in between. `..` and device
nodes are refused. Links are made as they are and never used. See SECURITY: A20.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from baleen.cli.copying.tar_reader import TarReader
from baleen.errors import Conflict, DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.cli.copying.tar_reader import Member

__all__ = ["Extractor"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 1000


class Extractor:
    """Extracts below one folder; owns a descriptor of it until `close`.

    Args:
        target: an existing folder, named by the user, so links in its path are followed.
        rename: gives an entry's path below the target (bytes), or None to leave the entry out.
        owners: whether user and group ids of the archive are set (needs privileges).
    """

    def __init__(
        self,
        target: str,
        *,
        rename: Callable[[bytes], bytes | None] = lambda name: name,
        owners: bool = False,
    ) -> None:
        self._root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._rename = rename
        self._owners = owners
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        # Folders get their mode and time at the end: until then they must be writable.
        self._folders: list[tuple[list[bytes], Member]] = []
        self.skipped: list[str] = []

    def close(self) -> None:
        """Close the folder."""
        os.close(self._root)

    def extract(self, pieces: Iterable[bytes]) -> None:
        """Write all entries. On an error the entries before it stay.

        Raises:
            DataLoss: the archive is damaged, or an entry leaves the target.
            Conflict: a file is in the way of a folder or the other way round.
        """
        reader = TarReader(pieces)
        for member in reader:
            name = self._rename(member.name)
            if name is None:
                continue
            parts = _parts(name)
            if not parts:
                if member.kind != b"5":
                    raise DataLoss("an entry of the archive has no name")
                continue
            self._write(parts, member, reader)
        reader.drain()
        for parts, member in reversed(self._folders):
            self._finish_folder(parts, member)

    def _open_parent(self, parts: list[bytes], *, create: bool) -> int:
        """A descriptor of the folder that holds the last part."""
        current = os.dup(self._root)
        try:
            for part in parts[:-1]:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o777, dir_fd=current)
                following = _open_folder(part, current, parts)
                os.close(current)
                current = following
        except BaseException:
            os.close(current)
            raise
        return current

    def _write(self, parts: list[bytes], member: Member, reader: TarReader) -> None:
        parent = self._open_parent(parts, create=True)
        try:
            name = parts[-1]
            if member.kind == b"5":
                self._make_folder(parent, parts, member)
            elif member.kind in {b"0", b"7"}:
                self._write_file(parent, parts, member, reader)
            elif member.kind == b"2":
                _clear(parent, parts)
                os.symlink(member.link, name, dir_fd=parent)
                self._own_link(parent, name, member)
            elif member.kind == b"1":
                self._link(parent, parts, member)
            elif member.kind == b"6":
                _clear(parent, parts)
                os.mkfifo(name, member.mode & 0o777 & ~self._umask, dir_fd=parent)
            else:
                # A device node made by root would open the host's disk to whoever may read it.
                self.skipped.append(os.fsdecode(b"/".join(parts)))
        finally:
            os.close(parent)

    def _make_folder(self, parent: int, parts: list[bytes], member: Member) -> None:
        try:
            os.mkdir(parts[-1], 0o700, dir_fd=parent)
        except FileExistsError:
            os.close(_open_folder(parts[-1], parent, parts))
        self._folders.append((parts, member))

    def _finish_folder(self, parts: list[bytes], member: Member) -> None:
        try:
            parent = self._open_parent(parts, create=False)
        except (FileNotFoundError, DataLoss, Conflict):
            return  # a later entry, or somebody else, replaced it
        try:
            with contextlib.suppress(FileNotFoundError, DataLoss, Conflict):
                folder = _open_folder(parts[-1], parent, parts)
                try:
                    self._set_metadata(folder, member)
                finally:
                    os.close(folder)
        finally:
            os.close(parent)

    def _write_file(
        self, parent: int, parts: list[bytes], member: Member, reader: TarReader
    ) -> None:
        _clear(parent, parts)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(parts[-1], flags, 0o600, dir_fd=parent)
        try:
            for data in reader.data():
                view = data
                while view:
                    view = view[os.write(descriptor, view) :]
            self._set_metadata(descriptor, member)
        finally:
            os.close(descriptor)

    def _set_metadata(self, descriptor: int, member: Member) -> None:
        mode = member.mode & 0o7777
        if self._owners:
            os.fchown(descriptor, member.uid, member.gid)
        else:
            # Without their owners, set-id bits would turn a stranger's program into ours.
            mode &= 0o777
        os.fchmod(descriptor, mode)
        with contextlib.suppress(OverflowError):
            os.utime(descriptor, ns=(member.mtime_ns, member.mtime_ns))

    def _own_link(self, parent: int, name: bytes, member: Member) -> None:
        if self._owners:
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        times = (member.mtime_ns, member.mtime_ns)
        with contextlib.suppress(OverflowError):
            os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def _link(self, parent: int, parts: list[bytes], member: Member) -> None:
        renamed = self._rename(member.link)
        source = _parts(renamed) if renamed is not None else []
        if not source or source == parts:
            raise DataLoss("a hard link of the archive points outside of it")
        folder = self._open_parent(source, create=False)
        try:
            info = os.stat(source[-1], dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(info.st_mode):
                raise DataLoss("a hard link of the archive does not point at a file")
            _clear(parent, parts)
            os.link(
                source[-1],
                parts[-1],
                src_dir_fd=folder,
                dst_dir_fd=parent,
                follow_symlinks=False,
            )
        except FileNotFoundError as err:
            raise DataLoss("a hard link of the archive points at nothing") from err
        finally:
            os.close(folder)


def _parts(name: bytes) -> list[bytes]:
    """The components of an entry's path; none for the target itself.

    Raises:
        DataLoss: the path would leave the target.
    """
    if b"\0" in name:
        raise DataLoss("an entry of the archive has NUL in its name")
    parts = [part for part in name.split(b"/") if part not in {b"", b"."}]
    if b".." in parts:
        raise DataLoss(f"refusing the archive: {os.fsdecode(name)!r} leaves the target")
    if len(parts) > _MAX_DEPTH:
        raise DataLoss("refusing the archive: an entry is nested too deep")
    return parts


def _open_folder(part: bytes, parent: int, parts: list[bytes]) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=parent)
    except OSError as err:
        shown = os.fsdecode(b"/".join(parts))
        if err.errno in {errno.ELOOP, errno.ENOTDIR}:
            info = os.stat(part, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(info.st_mode):
                raise DataLoss(
                    f"refusing to write {shown!r}: {os.fsdecode(part)!r} is a symbolic link"
                ) from err
            raise Conflict(f"cannot overwrite non-directory {shown!r} with directory") from err
        raise


def _clear(parent: int, parts: list[bytes]) -> None:
    """Remove what is at the entry's place, unless it is a folder."""
    try:
        os.unlink(parts[-1], dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError as err:
        if err.errno not in {errno.EISDIR, errno.EPERM}:
            raise
        shown = os.fsdecode(b"/".join(parts))
        raise Conflict(f"cannot overwrite directory {shown!r} with non-directory") from err
