"""Where a created container's PID 1 waits for a `start` that comes from another process.

Two FIFOs in the state directory, each held open by PID 1 alone and closed by its execve::

    PID 1   read(start) ...                     start   open both, write "S" to `start`
            filter, execve, or a failure  ───────────►  read `result` to its end

So the kernel says how things are, whoever was killed meanwhile: as long as `start` has a reader the
container is created, and no file can say otherwise. Reading and writing is all that PID 1 does
here, since it may be under its seccomp filter already.

See: fifo(7): O_RDWR never blocks, O_WRONLY | O_NONBLOCK is ENXIO without a reader.
"""

from __future__ import annotations

import errno
import os

from baleen.errors import FailedPrecondition
from baleen.linux.process import set_parent_death_signal
from baleen.runtime.failure import decode_failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.runtime.sync import Channel

__all__ = ["Parking", "is_parked", "release"]

_MAX_FAILURE = 8192


class Parking:
    """Both FIFOs, opened. The creator makes them, PID 1 inherits and uses them."""

    __slots__ = ("_result", "_start")

    def __init__(self, directory: str) -> None:
        fds = []
        for name in ("start", "result"):
            path = f"{directory}/{name}"
            os.mkfifo(path, 0o600)
            fds.append(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        self._start, self._result = fds

    def descriptors(self) -> tuple[int, int]:
        """What PID 1 keeps until execve."""
        return self._start, self._result

    def close(self) -> None:
        """Close our copies."""
        os.close(self._start)
        os.close(self._result)

    def wait(self, channel: Channel) -> None:
        """Be parked: tell the creator by closing the channel, outlive it, wait for `release`.

        From then on failures go to whoever starts us.
        """
        set_parent_death_signal(0)
        os.close(channel.fd)
        channel.fd = self._result
        channel.stage = "waiting for the start"
        os.read(self._start, 1)


def is_parked(directory: str) -> bool:
    """Whether a PID 1 waits there."""
    try:
        os.close(_open_start(directory))
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT):
            return False
        raise
    return True


def release(directory: str) -> None:
    """Let PID 1 execute its program; returns when that has succeeded.

    Raises LaunchError with what PID 1 says about its failure; it ends then.
    """
    result = os.open(f"{directory}/result", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        start = _open_start(directory)
        try:
            os.set_blocking(result, True)
            os.write(start, b"S")
        finally:
            os.close(start)
        failure = os.read(result, _MAX_FAILURE)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise FailedPrecondition("cannot start a container that has stopped") from error
    finally:
        os.close(result)
    if failure:
        raise decode_failure(failure)
    for name in ("start", "result"):
        os.unlink(f"{directory}/{name}")


def _open_start(directory: str) -> int:
    return os.open(f"{directory}/start", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
