"""Times of a tree that are newer than a given one set back to it, for reproducible builds.

See: reproducible-builds.org, SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from baleen.archive.tree import open_below
from baleen.linux.overlayfs import is_whiteout

__all__ = ["clamp_times"]


def clamp_times(top: int, latest_ns: int) -> None:
    """Set modification times below (and of) the open directory `top` to at most `latest_ns`.

    Nanoseconds since 1970. No link is followed, nothing is entered that is on another file system.
    """
    device = os.fstat(top).st_dev
    pending = [b""]
    while pending:
        path = pending.pop()
        with suppress(FileNotFoundError, NotADirectoryError):
            directory = open_below(top, path)
            try:
                for name in map(os.fsencode, os.listdir(directory)):
                    info = os.lstat(name, dir_fd=directory)
                    if stat.S_ISDIR(info.st_mode):
                        if info.st_dev == device:
                            pending.append(path + b"/" + name if path else name)
                    elif info.st_mtime_ns > latest_ns and not is_whiteout(info):
                        times = (latest_ns, latest_ns)
                        os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)
                if os.fstat(directory).st_mtime_ns > latest_ns:
                    os.utime(directory, ns=(latest_ns, latest_ns))
            finally:
                os.close(directory)
