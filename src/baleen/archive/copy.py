"""Files out of and into a container's tree as tar streams: `docker cp` and `docker export`.

The tree is given as the descriptor of its root (from /proc/PID/root of a running container, or
of a mounted root file system); the caller keeps it. Paths are what a client sent: they are resolved
by the kernel below that root, symbolic links included, and can not leave it. FIFOs, sockets
and devices are never opened. Calls block.

See: Engine API /containers/{id}/archive, /containers/{id}/export.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from baleen.linux.fd import Fd

__all__ = ["PathStat", "export_tree", "extract", "stat_path", "tar_path"]


@dataclass(frozen=True, slots=True)
class PathStat:
    """What the X-Docker-Container-Path-Stat header holds.

    Attributes:
        name: last element of the path that was asked for; "/" for the root.
        size: bytes.
        mode: Go's os.FileMode: permission bits, and type bits from 1 << 31 (directory) down.
        mtime: RFC 3339 with nanoseconds, UTC.
        link_target: for a symbolic link, the path it finally leads to, from the container's root.
    """

    name: str
    size: int
    mode: int
    mtime: str
    link_target: str

    def to_dict(self) -> dict[str, str | int]:
        """Return the JSON object of the header, with its wire names."""
        return {
            "name": self.name,
            "size": self.size,
            "mode": self.mode,
            "mtime": self.mtime,
            "linkTarget": self.link_target,
        }


def stat_path(root: Fd, path: str, *, container: str = "") -> PathStat:
    """Describe the file at `path`; a final symbolic link is described, not followed.

    Raises:
        NotFound: `Could not find the file /x in container NAME`, NAME being `container`.
        InvalidArgument: the path holds a NUL or is too long.
    """
    raise NotImplementedError


def tar_path(root: Fd, path: str, *, container: str = "") -> tuple[PathStat, Iterator[bytes]]:
    """Describe `path` and return a tar stream of it, whose entries begin with its base name.

    A path that ends in `/` or `/.` follows a final symbolic link to a directory. Errors of the
    look-up are raised here, before the first byte; a file that changes while it is read is sent
    with its first size, filled with zeros. The iterator must be exhausted or closed: it holds
    descriptors.

    Raises:
        NotFound: as `stat_path`.
    """
    raise NotImplementedError


def export_tree(root: Fd) -> Iterator[bytes]:
    """Return a tar stream of the whole tree without the root itself; stays on its file system.

    Names have no leading slash, as in `docker export`.
    """
    raise NotImplementedError


def extract(
    root: Fd,
    path: str,
    chunks: Iterable[bytes],
    *,
    no_overwrite_dir_non_dir: bool = False,
    owner: tuple[int, int] | None = None,
    container: str = "",
) -> None:
    """Extract a tar stream (plain, gzip, bzip2, xz or zstd) into the directory at `path`.

    Existing files are replaced, directories merged. An error may leave a part of the archive
    extracted.

    Args:
        root: the container's root; stays the caller's.
        path: the directory, all symbolic links followed.
        chunks: the archive's bytes.
        no_overwrite_dir_non_dir: refuse to replace a directory by something else, or the reverse.
        owner: uid and gid for everything extracted (`copyUIDGID`: the container's user), or None
            to keep those of the archive.
        container: name for messages.

    Raises:
        NotFound: `Could not find the file /x in container NAME`.
        InvalidArgument: `path` is no directory; the archive is malformed (names the entry).
        ResourceExhausted: no space.
    """
    raise NotImplementedError
