"""The file system of the `busybox` image, built around the host's static busybox.

See: busybox.net, "BusyBox", the applet table; elf(5).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.archive.entry import Entry, EntryType
from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["applet_names", "find_busybox", "is_static_elf", "root_file_system"]

_PLACES = ("/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox", "/sbin/busybox")
_SIZE_LIMIT = 16 << 20
_APPLET = re.compile(rb"[a-z0-9\[_][a-z0-9\[_.-]{0,31}")
# Every busybox with a shell has this one, and the table of names is sorted around it.
_ANCHOR = b"\0sh\0"
_WINDOW = 16 << 10
_PT_INTERP = 3

_USERS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUP = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
kmem:x:9:
wheel:x:10:root
cdrom:x:11:
dialout:x:18:
floppy:x:19:
video:x:28:
audio:x:29:
tape:x:32:
www-data:x:33:
operator:x:37:
utmp:x:43:
plugdev:x:46:
staff:x:50:
lock:x:54:
netdev:x:82:
users:x:100:
nobody:x:65534:
"""
_SHADOW = "".join(f"{line.partition(':')[0]}:*:::::::\n" for line in _USERS.splitlines())
_DIRECTORIES: tuple[tuple[str, int, int], ...] = (
    ("bin", 0o755, 0),
    ("dev", 0o755, 0),
    ("etc", 0o755, 0),
    ("etc/network", 0o755, 0),
    ("etc/network/if-down.d", 0o755, 0),
    ("etc/network/if-post-down.d", 0o755, 0),
    ("etc/network/if-pre-up.d", 0o755, 0),
    ("etc/network/if-up.d", 0o755, 0),
    ("home", 0o755, 65534),
    ("root", 0o700, 0),
    ("tmp", 0o1777, 0),
    ("usr", 0o755, 0),
    ("usr/bin", 0o755, 0),
    ("usr/sbin", 0o755, 0),
    ("var", 0o755, 0),
    ("var/spool", 0o755, 0),
    ("var/spool/mail", 0o755, 8),
    ("var/www", 0o755, 33),
)


def find_busybox() -> Path | None:
    """Return the host's busybox if it is a static executable of this processor, or None."""
    for place in _PLACES:
        path = Path(place)
        try:
            if path.stat().st_size <= _SIZE_LIMIT and is_static_elf(path.read_bytes()):
                return path
        except OSError:
            continue
    return None


def is_static_elf(program: bytes) -> bool:
    """Say whether `program` is a 64 bit little-endian ELF executable without an interpreter."""
    if program[:6] != b"\x7fELF\x02\x01" or len(program) < 64:
        return False
    (offset,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    if size < 56 or offset + size * count > len(program):
        return False
    kinds = [struct.unpack_from("<I", program, offset + size * n)[0] for n in range(count)]
    return bool(kinds) and _PT_INTERP not in kinds


def applet_names(program: bytes) -> list[str]:
    """Return the applets of a busybox by its table: sorted names, each ended by a zero byte.

    Raises:
        FailedPrecondition: no such table was found.
    """
    best: list[bytes] = []
    position = program.find(_ANCHOR)
    while position >= 0:
        names = _run_around(program, position + 1)
        if len(names) > len(best):
            best = names
        position = program.find(_ANCHOR, position + 1)
    if b"ls" not in best or len(best) < 10:
        raise FailedPrecondition("the host's busybox has no table of applets")
    return [name.decode("ascii") for name in best]


def _run_around(program: bytes, position: int) -> list[bytes]:
    """Return the longest sorted run of names that has the one at `position` in it."""
    behind = program[position : position + _WINDOW].split(b"\0")
    before = program[max(0, position - _WINDOW) : position - 1].split(b"\0")
    names = [behind[0]]
    for name in behind[1:]:
        if _APPLET.fullmatch(name) is None or name <= names[-1]:
            break
        names.append(name)
    for name in reversed(before[1:]):
        if _APPLET.fullmatch(name) is None or name >= names[0]:
            break
        names.insert(0, name)
    return names


def root_file_system(program: bytes, mtime_ns: int) -> Iterator[tuple[Entry, bytes]]:
    """Return the entries of the image's layer with their data, always in the same order."""
    for path, mode, owner in _DIRECTORIES:
        yield (
            Entry(
                name=path.encode(),
                type=EntryType.DIRECTORY,
                mode=mode,
                uid=owner,
                gid=owner,
                mtime_ns=mtime_ns,
            ),
            b"",
        )
    yield _file("bin/busybox", program, 0o755, mtime_ns)
    for name in applet_names(program):
        if name != "busybox":
            yield _link(f"bin/{name}", mtime_ns), b""
    # Scripts begin with "#!/usr/bin/env".
    yield _link("usr/bin/env", mtime_ns), b""
    yield _file("etc/group", _GROUP.encode(), 0o644, mtime_ns)
    yield _file("etc/passwd", _USERS.encode(), 0o644, mtime_ns)
    yield _file("etc/shadow", _SHADOW.encode(), 0o640, mtime_ns)


def _file(name: str, data: bytes, mode: int, mtime_ns: int) -> tuple[Entry, bytes]:
    entry = Entry(
        name=name.encode(), type=EntryType.FILE, mode=mode, size=len(data), mtime_ns=mtime_ns
    )
    return entry, data


def _link(name: str, mtime_ns: int) -> Entry:
    return Entry(
        name=name.encode(),
        type=EntryType.HARDLINK,
        mode=0o755,
        linkname=b"bin/busybox",
        mtime_ns=mtime_ns,
    )
