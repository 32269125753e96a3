"""Writing a stream of the engine to a file or to standard output."""

from __future__ import annotations

import contextlib
import os
import stat

from baleen.cli.streaming import write_all
from baleen.cli.terminal import is_terminal
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["check_destination", "save_stream"]


def check_destination(path: str, what: str, kind: str) -> None:
    """Refuse a terminal, a folder and a missing one before anything is asked of the engine.

    `what` and `kind` are for the message: "save", "image".

    Raises:
        InvalidArgument: the destination cannot hold an archive.
    """
    if not path:
        if is_terminal(1):
            raise InvalidArgument(
                f"cowardly refusing to {what} to a terminal. Use the -o flag or redirect"
            )
        return
    if os.path.isdir(path):  # pathlib is slow to load
        raise InvalidArgument(f"failed to {what} {kind}: cannot write to a directory")
    folder = os.path.dirname(path)
    try:
        os.stat(folder or ".")
    except OSError as err:
        raise InvalidArgument(
            f"failed to {what} {kind}: invalid output path: stat {folder}: "
            f"{(err.strerror or str(err)).lower()}"
        ) from err


def save_stream(path: str, start: Callable[[], Iterable[bytes]]) -> None:
    """Write what `start` yields to `path`, or to standard output when it is empty.

    A regular file appears complete or not at all: it is written beside its place, then renamed.
    """
    if not path:
        for data in start():
            write_all(1, data)
        return
    if _is_special(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for data in start():
                write_all(descriptor, data)
        finally:
            os.close(descriptor)
        return
    temporary = f"{path}.tmp-{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        try:
            for data in start():
                write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
