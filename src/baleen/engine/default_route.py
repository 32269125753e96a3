"""The default route of a running container, when the network that gave it is left.

See: rtnetlink(7), setns(2).
"""

from __future__ import annotations

import os
import socket

from baleen.linux.fd import Fd
from baleen.linux.netns import inside_netns
from baleen.linux.rtnetlink import RouteSocket, new_route

__all__ = ["set_default_route"]


def set_default_route(pid: int, interface: str, gateway: str) -> None:
    """Route everything through `gateway` in the network namespace of a running process.

    A default route that is there is replaced. Takes some tens of microseconds; the calling thread
    is in the other namespace for that long.

    Raises:
        OSError: the process has ended, it has no such interface, or the kernel refused.
    """
    with Fd(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)) as netns:
        with inside_netns(netns.fileno()):
            index = socket.if_nametoindex(interface)
            route = RouteSocket()
        with route:
            route.run(new_route(index, "0.0.0.0/0", gateway))
