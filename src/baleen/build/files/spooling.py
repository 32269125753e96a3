"""Files without a name, for contents that a build needs for a while: gone with who holds them."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import TYPE_CHECKING

from baleen.linux.fd import Fd

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["spool_file"]

_NO_TMPFILE = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})


def spool_file(directory: Path) -> Fd:
    """Return a new, empty, nameless file on the file system of `directory`, which is made.

    See: open(2), O_TMPFILE.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return Fd(os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as err:
        if err.errno not in _NO_TMPFILE:
            raise
    fd, name = tempfile.mkstemp(dir=directory)
    os.unlink(name)  # mkstemp's
    return Fd(fd)
