"""A descriptor that becomes ready when the kernel kills for lack of memory in a group."""

from __future__ import annotations

import contextlib
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OomWatch", "watch_v1", "watch_v2"]


class OomWatch:
    """Watches one group; owns its descriptors until `close`.

    Usage in a poll loop: register `fd` with the event mask `poll_events`; when it is ready call
    `count()`, which clears the readiness. It also becomes ready when the group is removed, so only
    a changed count says that something was killed.
    """

    def __init__(
        self, fd: int, poll_events: int, held: tuple[int, ...], read_count: Callable[[], int]
    ) -> None:
        self.fd = fd
        self.poll_events = poll_events
        self._held = held
        self._read_count = read_count

    def count(self) -> int:
        """Clears the readiness and returns how many processes were killed so far."""
        if self.poll_events == select.POLLIN:
            with contextlib.suppress(BlockingIOError):  # asked without an event
                os.eventfd_read(self.fd)
        return self._read_count()

    def close(self) -> None:
        """Closes the descriptors; a second call does nothing."""
        held, self._held = self._held, ()
        for fd in held:
            os.close(fd)
        self.fd = -1


def watch_v1(directory: str, read_count: Callable[[], int]) -> OomWatch:
    """Watches memory.oom_control of a v1 group through an eventfd.

    Raises OSError when the group is gone. See: cgroup-v1/memory.rst, OOM Control.
    """
    event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        control = os.open(directory + "/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            register = os.open(directory + "/cgroup.event_control", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(register, b"%d %d" % (event, control))
            finally:
                os.close(register)
        finally:
            # The kernel keeps its own reference to the group, not to this descriptor.
            os.close(control)
    except OSError:
        os.close(event)
        raise
    return OomWatch(event, select.POLLIN, (event,), read_count)


def watch_v2(directory: str) -> OomWatch:
    """Watches memory.events of a v2 group, which polls as POLLPRI after a change.

    Raises OSError when the group is gone. See: cgroup-v2.rst, memory.events.
    """
    fd = os.open(directory + "/memory.events", os.O_RDONLY | os.O_CLOEXEC)

    def read_count() -> int:
        try:
            text = os.pread(fd, 4096, 0)
        except OSError:  # ENODEV: the group was removed
            return 0
        for line in text.splitlines():
            if line.startswith(b"oom_kill "):
                return int(line[9:])
        return 0

    watch = OomWatch(fd, select.POLLPRI, (fd,), read_count)
    read_count()  # the first poll reports changes after this reading
    return watch
