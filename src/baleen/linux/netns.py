"""A visit to another network namespace, and back.

Sockets and open files of /proc/sys/net keep the namespace in which they were opened, so one short
visit is enough to get what is needed there.

See: network_namespaces(7), setns(2)
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from baleen.linux.namespaces import CLONE_NEWNET, setns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["inside_netns", "write_sysctl"]


@contextmanager
def inside_netns(netns: int) -> Iterator[None]:
    """The calling thread is in the namespace `netns` (a descriptor) within the block.

    Only the thread moves, so other threads of the process are not disturbed, but what the block
    awaits or calls must stay on this thread. If the way back fails, the process must not go on.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(netns, CLONE_NEWNET)
        try:
            yield
        finally:
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)


def write_sysctl(name: str, value: str) -> None:
    """Write a sysctl of the current network namespace; `name` with slashes, below /proc/sys.

    Interface names may hold dots, so the dotted form is not accepted.

    Raises:
        FileNotFoundError: the kernel has no such sysctl (IPv6 may be left out of it).
    """
    fd = os.open(f"/proc/sys/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
