"""Interfaces, addresses and routes of a running process' network namespace.

A netlink socket keeps the namespace in which it was opened; the thread is there for as long as it
takes to open one. Nothing is run in the container, and none of its files is opened.

See: rtnetlink(7), network_namespaces(7); if_inet6 in proc_pid_net(5).
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.linux.fd import Fd
from baleen.linux.netns import inside_netns
from baleen.linux.rtnetlink import RouteSocket

if TYPE_CHECKING:
    from baleen.linux.rtnetlink import Address, Link, Route

__all__ = ["LiveNetwork", "read_network"]

_MAX_BYTES: Final = 1 << 20
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class LiveNetwork:
    """One reading. `addresses6` is interface name to "fe80::1/64"."""

    links: list[Link]
    addresses: list[Address]
    routes: list[Route]
    addresses6: dict[str, list[str]]


def read_network(process: Fd) -> LiveNetwork:
    """Read the network of the process whose /proc/PID is open. Blocks below a millisecond.

    Raises:
        OSError: the process has ended.
    """
    with Fd(os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=process.fileno())) as netns:
        with inside_netns(netns.fileno()):
            route = RouteSocket()
        with route:
            links, addresses, routes = route.links(), route.addresses(), route.routes()
    return LiveNetwork(links, addresses, routes, _addresses6(process))


def _addresses6(process: Fd) -> dict[str, list[str]]:
    try:
        descriptor = os.open("net/if_inet6", _FILE, dir_fd=process.fileno())
    except FileNotFoundError:  # a kernel without IPv6
        return {}
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  # a descriptor
        text = file.read(_MAX_BYTES).decode("utf-8", "replace")
    result: dict[str, list[str]] = {}
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) >= 6 and len(fields[0]) == 32:
            address = ipaddress.IPv6Address(int(fields[0], 16))
            result.setdefault(fields[5], []).append(f"{address}/{int(fields[2], 16)}")
    return result
