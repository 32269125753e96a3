"""Names in archives, as lists of components that stay inside.

Names are bytes: file systems and archives do not promise UTF-8, and nothing may be lost (Y03).
"""

from __future__ import annotations

import os

from baleen.errors import InvalidArgument

__all__ = ["AUFS_PREFIX", "NAME_LIMIT", "OPAQUE_NAME", "WHITEOUT_PREFIX", "clean", "shown"]

# Bytes of a whole name; the kernel takes no longer path (PATH_MAX).
NAME_LIMIT = 4096

# Names with a meaning in layers: what hides a file of the layers below, what hides all that a
# directory has there, and aufs' own book-keeping, which says nothing about files.
# See: OCI image-spec layer.md, "Whiteouts".
WHITEOUT_PREFIX = b".wh."
OPAQUE_NAME = b".wh..wh..opq"
AUFS_PREFIX = b".wh..wh."


def shown(name: bytes) -> str:
    """Return the name for a message: quoted, control characters escaped, cut when long."""
    text = ascii(os.fsdecode(name[:200]))[1:-1]
    return f'"{text}{"..." if len(name) > 200 else ""}"'


def clean(name: bytes) -> tuple[bytes, ...]:
    """Return the components of `name` below the root of the archive; () is the root itself.

    `.` and empty components vanish, a leading slash too, `..` takes back the component before it:
    lexically, as Go's path.Clean does for Docker.

    Raises:
        InvalidArgument: empty, with a NUL, too long, or leading out of the root.
    """
    if not name or b"\0" in name or len(name) > NAME_LIMIT:
        raise InvalidArgument(f"archive is malformed: bad name {shown(name)}")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise InvalidArgument(f"archive entry {shown(name)} leads out of the root")
            parts.pop()
        elif part and part != b".":
            parts.append(part)
    return tuple(parts)
