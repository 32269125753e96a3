"""Writing a local file or folder as a tar stream, for `baleen cp` into a container.

Names are bytes and stay as they are. Files are read through descriptors that do not follow links,
folders are walked through descriptors too, so a tree that changes meanwhile cannot lead astray.
"""

from __future__ import annotations

import os
import stat

from baleen.errors import DataLoss, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["file_content", "tar_header", "tar_tree"]

_PIECE = 256 * 1024
_MAX_OCTAL = 0o7777777
_MAX_SIZE = 0o77777777777
_KINDS = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}


def tar_header(
    name: bytes,
    *,
    kind: bytes,
    mode: int,
    uid: int = 0,
    gid: int = 0,
    size: int = 0,
    mtime_ns: int = 0,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """The header blocks of one entry, with a pax header in front where ustar is too small."""
    pax: dict[bytes, bytes] = {}
    if len(name) > 100:
        pax[b"path"] = name
    if len(link) > 100:
        pax[b"linkpath"] = link
    if size > _MAX_SIZE:
        pax[b"size"] = b"%d" % size
    for key, number in ((b"uid", uid), (b"gid", gid)):
        if number > _MAX_OCTAL:
            pax[key] = b"%d" % number
    seconds, nanoseconds = divmod(mtime_ns, 10**9)
    if nanoseconds or not 0 <= seconds <= _MAX_SIZE:
        whole, rest = divmod(abs(mtime_ns), 10**9)
        pax[b"mtime"] = b"%s%d.%09d" % (b"-" if mtime_ns < 0 else b"", whole, rest)
    front = b""
    if pax:
        data = b"".join(_record(key, value) for key, value in pax.items())
        front = _block(b"PaxHeaders.0", b"x", 0o644, (0, 0), len(data), 0, b"", (0, 0))
        front += data + bytes(-len(data) % 512)
    seconds = min(max(seconds, 0), _MAX_SIZE)
    return front + _block(name, kind, mode, (uid, gid), size, seconds, link, device)


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + len(str(len(body)))
    if len(str(size)) != len(str(len(body))):
        size = len(body) + len(str(size))
    return b"%d" % size + body


def _block(
    name: bytes,
    kind: bytes,
    mode: int,
    owner: tuple[int, int],
    size: int,
    seconds: int,
    link: bytes,
    device: tuple[int, int],
) -> bytes:
    def octal(value: int, width: int) -> bytes:
        return b"%0*o\0" % (width - 1, value if value < 8 ** (width - 1) else 0)

    parts = (
        name[:100].ljust(100, b"\0"),
        octal(mode & 0o7777, 8),
        octal(owner[0], 8),
        octal(owner[1], 8),
        octal(size, 12),
        octal(seconds, 12),
        b" " * 8,
        kind,
        link[:100].ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),
        octal(device[0], 8),
        octal(device[1], 8),
    )
    block = b"".join(parts).ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def tar_tree(path: bytes, name: bytes) -> Iterator[bytes]:
    """The tar of `path` (not followed if it is a link) as `name`, with the end of the archive.

    Raises:
        InvalidArgument: the path does not exist or may not be read.
    """
    parent, base = os.path.split(path.rstrip(b"/") or b"/")
    if base in {b"", b".", b".."}:
        parent, base = path, b"."
    try:
        folder = os.open(parent or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as err:
        raise InvalidArgument(f"{os.fsdecode(path)}: {err.strerror or err}") from err
    try:
        links: dict[tuple[int, int], bytes] = {}
        yield from _entry(folder, base, name, links)
    finally:
        os.close(folder)
    yield bytes(1024)


def _entry(
    folder: int, base: bytes, name: bytes, links: dict[tuple[int, int], bytes]
) -> Iterator[bytes]:
    info = os.stat(base, dir_fd=folder, follow_symlinks=False)
    kind = _KINDS.get(stat.S_IFMT(info.st_mode))
    if kind is None:
        return  # sockets cannot be in an archive
    link = os.readlink(base, dir_fd=folder) if kind == b"2" else b""
    if kind == b"5":
        yield from _directory(folder, base, name, links)
        return
    if kind == b"0":
        yield from _file(folder, base, name, links)
        return
    device = (os.major(info.st_rdev), os.minor(info.st_rdev)) if kind in {b"3", b"4"} else (0, 0)
    yield _header_for(info, name, kind, link=link, device=device)


def _header_for(
    info: os.stat_result,
    name: bytes,
    kind: bytes,
    *,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    return tar_header(
        name,
        kind=kind,
        mode=stat.S_IMODE(info.st_mode),
        uid=info.st_uid,
        gid=info.st_gid,
        size=info.st_size if kind == b"0" else 0,
        mtime_ns=info.st_mtime_ns,
        link=link,
        device=device,
    )


def _directory(
    folder: int, base: bytes, name: bytes, links: dict[tuple[int, int], bytes]
) -> Iterator[bytes]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(base, flags, dir_fd=folder)
    try:
        top = name.rstrip(b"/") or b"."
        yield _header_for(os.fstat(descriptor), top + b"/", b"5")
        for child in sorted(os.listdir(descriptor)):
            raw = os.fsencode(child)
            try:
                yield from _entry(descriptor, raw, top + b"/" + raw, links)
            except FileNotFoundError:
                continue  # gone while we walked
    finally:
        os.close(descriptor)


def _file(
    folder: int, base: bytes, name: bytes, links: dict[tuple[int, int], bytes]
) -> Iterator[bytes]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(base, flags, dir_fd=folder)
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise DataLoss(f"{os.fsdecode(name)} changed while it was read")
        key = (info.st_dev, info.st_ino)
        if info.st_nlink > 1:
            if key in links:
                yield _header_for(info, name, b"1", link=links[key])
                return
            links[key] = name
        yield _header_for(info, name, b"0")
        yield from file_content(descriptor, info.st_size, name)
    finally:
        os.close(descriptor)


def file_content(descriptor: int, size: int, name: bytes) -> Iterator[bytes]:
    """Exactly `size` bytes, as the header says, and the padding.

    Raises:
        DataLoss: the file has fewer.
    """
    left = size
    while left:
        data = os.read(descriptor, min(left, _PIECE))
        if not data:
            raise DataLoss(f"{os.fsdecode(name)} became smaller while it was read")
        left -= len(data)
        yield data
    if size % 512:
        yield bytes(-size % 512)
