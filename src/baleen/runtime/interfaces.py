"""Gives a container's network namespace its interfaces, and takes them away.

Called by the supervisor, in the host's network namespace, single-threaded (the thread enters the
container's namespace for a moment). The daemon decides everything (names, addresses, bridge) and
passes it in an interface document:

    {"kind": "bridge", "host_name": "veth1a2b3c4", "name": "eth0", "bridge": "baleen0",
     "mac": "02:42:ac:11:00:02", "addresses": ["172.17.0.2/16"],
     "routes": [{"to": "0.0.0.0/0", "via": "172.17.0.1"}],
     "mtu": 1500, "hairpin": false, "isolated": false, "sysctls": {}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.fd import Fd
    from baleen.linux.rtnetlink import RouteSocket

__all__ = ["attach_interface", "bring_up_loopback", "detach_interface"]


def attach_interface(host: RouteSocket, netns: Fd, interface: Mapping[str, object]) -> None:
    """Make the veth pair of `interface`, one end a port of its bridge, the other up in `netns`.

    `host` is a RouteSocket() opened in the caller's (host) network namespace; keep one for the
    life of the supervisor. `netns` stays the caller's. On failure nothing of the pair is left.

    Raises:
        OSError: the kernel refused; a note says which step and the kernel's own explanation.
        ValueError: the document is malformed.
    """
    raise NotImplementedError


def detach_interface(host: RouteSocket, host_name: str) -> None:
    """Remove the pair by the name of its host end; success means that it is gone.

    Takes 15-50 ms (the kernel waits for readers): for `disconnect` only. At the container's end
    do not call it; the pair dies with its namespace, off the path.
    """
    raise NotImplementedError


def bring_up_loopback(netns: Fd) -> None:
    """Set `lo` of `netns` up."""
    raise NotImplementedError
