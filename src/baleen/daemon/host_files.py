"""The daemon's directories, its pid file, and the lock that keeps a second daemon away.

See: tests/security/README.md, case D01; flock(2).
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

from baleen.errors import AlreadyExists

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["HostFiles"]

_DATA_ROOT_MODE = 0o710
"""Nobody else passes: below are setuid files of images and volumes (R22)."""
_EXEC_ROOT_MODE = 0o711
"""Others may pass through, a socket may lie here, but not look."""


class HostFiles:
    """Makes the roots, takes the lock, writes the pid file; leaving removes the pid file.

    `above` is the directory that a data root for remapped ids lies in; it is closed to others too.

    The lock is on the data root itself: two daemons with different pid files would otherwise
    destroy each other's database.
    """

    def __init__(
        self, data_root: Path, exec_root: Path, pidfile: Path, *, above: Path | None = None
    ) -> None:
        self._data_root = data_root
        self._above = above
        self._exec_root = exec_root
        self._pidfile = pidfile
        self._lock = -1

    def __enter__(self) -> Self:
        """Raise AlreadyExists when another daemon has the data root or the pid file."""
        for root, mode in (
            *([] if self._above is None else [(self._above, _DATA_ROOT_MODE)]),
            (self._data_root, _DATA_ROOT_MODE),
            (self._exec_root, _EXEC_ROOT_MODE),
        ):
            root.mkdir(parents=True, exist_ok=True)
            root.chmod(mode)  # also under a strange umask
        self._pidfile.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._data_root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._refuse_running()
            temporary = self._pidfile.with_name(f".{self._pidfile.name}.new")
            temporary.write_text(f"{os.getpid()}\n", encoding="ascii")
            temporary.chmod(0o644)
            temporary.rename(self._pidfile)
        except BlockingIOError as err:
            os.close(self._lock)
            raise AlreadyExists(
                f"another daemon uses the data root {str(self._data_root)!r}"
            ) from err
        except BaseException:
            os.close(self._lock)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the pid file and let the data root go."""
        self._pidfile.unlink(missing_ok=True)
        os.close(self._lock)

    def _refuse_running(self) -> None:
        try:
            text = self._pidfile.read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return
        if not text.isdigit() or int(text) == os.getpid():
            return
        try:
            with open(f"/proc/{int(text)}/cmdline", "rb") as file:  # noqa: PTH123  # procfs
                command = file.read()
        except OSError:
            return
        # Process ids are used again: another program under that number is no daemon.
        if b"baleen" in command:
            raise AlreadyExists(
                f"pid file {str(self._pidfile)!r} found: is a daemon running as process {text}?"
            )
