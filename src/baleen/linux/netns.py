"""A visit to another network namespace, and back.

Sockets and open files of /proc/sys/net keep the namespace in which they were opened, so one short
visit is enough to get what is needed there.

See: network_namespaces(7), setns(2), netdevice(7)
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from contextlib import contextmanager

from baleen.linux.namespaces import CLONE_NEWNET, setns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from baleen.linux.fd import Fd

__all__ = ["bring_up_loopback", "inside_netns", "write_sysctl"]

_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1
_IFREQ = struct.Struct("16sh22x")  # <linux/if.h>, struct ifreq with ifr_flags


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


def bring_up_loopback(netns: Fd) -> None:
    """Set `lo` of `netns` up, in which it gets its addresses."""
    with inside_netns(netns.fileno()):
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    with control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", _IFF_UP))


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
