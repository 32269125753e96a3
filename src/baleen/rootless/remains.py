"""Ending everything that lives in a rootless user namespace: daemon, containers, holder.

Whoever made a user namespace has every right in it, so an ordinary user may end processes there
that have other ids. Processes in pid namespaces end with the first process of each.

See: user_namespaces(7), Capabilities.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from time import monotonic
from typing import Final

from baleen.errors import Internal

__all__ = ["end_all", "members", "namespace_id"]

_PATIENCE_S: Final = 15.0


def namespace_id(pid: int | str, kind: str = "user") -> str:
    """Return "user:[4026531837]", or "" when the process has ended or is not ours to ask about."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115  # a name, no path
    except OSError:
        return ""


def members(user_namespace: str) -> list[int]:
    """Return the live processes in the user namespace, without ourselves."""
    names = (name for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208  # numbers
    return [
        int(name)
        for name in names
        if namespace_id(name) == user_namespace
        and int(name) != os.getpid()
        and not _has_ended(int(name))
    ]


def _has_ended(pid: int) -> bool:
    """Whether it waits for nothing but its parent, who may never ask."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # procfs
            return file.read(4096).rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return True


def end_all(user_namespace: str) -> None:
    """Kill until nobody is left in the namespace; success means that nobody is.

    Raises:
        Internal: a process does not die.
    """
    if user_namespace in ("", namespace_id("self")):
        return
    deadline = monotonic() + _PATIENCE_S
    while left := members(user_namespace):
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                _kill_and_wait(pid, user_namespace, deadline)
        if monotonic() > deadline:
            raise Internal(f"processes {left[:8]} of the rootless namespaces do not end")


def _kill_and_wait(pid: int, user_namespace: str, deadline: float) -> None:
    pidfd = os.pidfd_open(pid)
    try:
        # The number may be another's by now.
        if namespace_id(pid) == user_namespace:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            select.select([pidfd], [], [], max(0.0, deadline - monotonic()))
    finally:
        os.close(pidfd)
