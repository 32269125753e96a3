"""Pseudoterminals inside a given devpts. See: pty(7), ioctl_tty(2).

The end for the process is opened with TIOCGPTPEER from the master, never by name, so nobody can
put another file in its way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct

from baleen.linux.calls import failure
from baleen.linux.fd import Fd
from baleen.linux.files import DEVPTS_SUPER_MAGIC, filesystem_magic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["get_window_size", "make_controlling", "open_pair", "set_window_size"]

_TIOCSCTTY: Final = 0x540E
_TIOCGWINSZ: Final = 0x5413
_TIOCSWINSZ: Final = 0x5414
_TIOCSPTLCK: Final = 0x40045431
_TIOCGPTPEER: Final = 0x5441
_PTMX: Final = os.makedev(5, 2)
_WINSIZE = struct.Struct("HHHH")


def open_pair(devpts: int) -> tuple[Fd, Fd]:
    """(master, slave) of a new terminal in the devpts mount whose root `devpts` is open.

    Raises OSError with ENODEV when the directory is not a devpts or its ptmx is not char 5:2.
    """
    if filesystem_magic(devpts) != DEVPTS_SUPER_MAGIC:
        raise failure("open ptmx", "ptmx", errno.ENODEV)
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.ExitStack() as undo:
        master = undo.enter_context(Fd(os.open("ptmx", flags, dir_fd=devpts)))
        found = os.fstat(master.fileno())
        if not stat.S_ISCHR(found.st_mode) or found.st_rdev != _PTMX:
            raise failure("open ptmx", "ptmx", errno.ENODEV)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        slave = Fd(fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
        undo.pop_all()
    return master, slave


def set_window_size(fd: int, width: int, height: int) -> None:
    """Set columns and rows (0 to 65535); the foreground process group gets SIGWINCH."""
    fcntl.ioctl(fd, _TIOCSWINSZ, _WINSIZE.pack(height, width, 0, 0))


def get_window_size(fd: int) -> tuple[int, int]:
    """(width, height) in characters."""
    height, width, _, _ = _WINSIZE.unpack(fcntl.ioctl(fd, _TIOCGWINSZ, bytes(_WINSIZE.size)))
    return width, height


def make_controlling(fd: int) -> None:
    """Make the terminal `fd` the controlling one of the session that we lead."""
    fcntl.ioctl(fd, _TIOCSCTTY, 0)
