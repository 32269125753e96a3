"""Gives a container's network namespace its interfaces, and takes them away.

Called by the supervisor, in the host's network namespace, single-threaded (the thread enters the
container's namespace for a moment). The daemon decides everything (names, addresses, bridge) and
passes it in an interface document:

    {"kind": "bridge", "host_name": "veth1a2b3c4", "name": "eth0", "bridge": "baleen0",
     "mac": "02:42:ac:11:00:02", "addresses": ["172.17.0.2/16"],
     "routes": [{"to": "0.0.0.0/0", "via": "172.17.0.1"}],
     "mtu": 1500, "hairpin": false, "isolated": false, "sysctls": {}}

Three messages to the kernel make an interface: the pair with its port settings, the far end's
address and routes, and who is behind the port. A container cannot take another's traffic by
claiming its MAC or address towards the host: both are fixed from outside (N07).
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from baleen.linux.netns import bring_up_loopback, inside_netns, write_sysctl
from baleen.linux.record import record
from baleen.linux.rtnetlink import (
    RouteSocket,
    del_link,
    new_address,
    new_forwarding_entry,
    new_neighbour,
    new_route,
    new_veth,
    set_bridge_port,
    set_link,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.linux.fd import Fd

__all__ = ["attach_interface", "bring_up_loopback", "detach_interface"]


@record(frozen=True, slots=True)
class _Interface:
    """The document, parsed."""

    host_name: str
    name: str
    bridge: str
    mac: str
    addresses: list[str]
    routes: list[tuple[str, str]]
    mtu: int
    hairpin: bool
    isolated: bool
    sysctls: dict[str, str]


def attach_interface(host: RouteSocket, netns: Fd, interface: Mapping[str, object]) -> None:
    """Make the veth pair of `interface`, one end a port of its bridge, the other up in `netns`.

    `host` is a RouteSocket() opened in the caller's (host) network namespace; keep one for the
    life of the supervisor. `netns` stays the caller's. On failure nothing of the pair is left.

    Raises:
        OSError: the kernel refused; a note says which step and the kernel's own explanation.
        ValueError: the document is malformed.
    """
    wanted = _parse(interface)
    try:
        _make_pair(host, netns, wanted)
    except FileExistsError:
        # A restart of the same container can be faster than the end of its last namespace.
        detach_interface(host, wanted.host_name)
        _make_pair(host, netns, wanted)
    try:
        _configure(netns, wanted)
        _fix_neighbour(host, wanted)
    except BaseException:
        detach_interface(host, wanted.host_name)
        raise


def detach_interface(host: RouteSocket, host_name: str) -> None:
    """Remove the pair by the name of its host end; success means that it is gone.

    Takes 15-50 ms (the kernel waits for readers): for `disconnect` only. At the container's end
    do not call it; the pair dies with its namespace, off the path.
    """
    try:
        host.run(del_link(host_name))
    except OSError as err:
        if err.errno != errno.ENODEV:
            raise


def _make_pair(host: RouteSocket, netns: Fd, wanted: _Interface) -> None:
    host.run(
        new_veth(
            wanted.host_name,
            peer_name=wanted.name,
            peer_netns=netns.fileno(),
            peer_mac=wanted.mac,
            mtu=wanted.mtu,
            master=socket.if_nametoindex(wanted.bridge),
        ),
        set_bridge_port(
            wanted.host_name, hairpin=wanted.hairpin, isolated=wanted.isolated, learning=False
        ),
        set_link(wanted.host_name, up=True),
    )


def _configure(netns: Fd, wanted: _Interface) -> None:
    """Inside: IPv6 off before the link comes up (N03), then address and routes."""
    with inside_netns(netns.fileno()):
        index = socket.if_nametoindex(wanted.name)
        with suppress(FileNotFoundError):  # a kernel without IPv6
            write_sysctl(f"net/ipv6/conf/{wanted.name}/disable_ipv6", "1")
        for name, value in wanted.sysctls.items():
            write_sysctl(name, value)
        route = RouteSocket()
    with route:
        route.run(
            *(new_address(index, address) for address in wanted.addresses),
            set_link(index, up=True),
            *(new_route(index, to, via) for to, via in wanted.routes),
        )


def _fix_neighbour(host: RouteSocket, wanted: _Interface) -> None:
    """Tell bridge and host who is behind the port; replaces what a former holder has left.

    Asking for the links also makes them work at once: both have got their carrier only now that
    the far end is up, and until a kernel worker has seen to that (it competes for the lock of all
    network settings) they drop what they should send. Port first: the bridge's follows from it.
    """
    port = host.link(wanted.host_name)
    bridge = host.link(wanted.bridge)
    if port is None or bridge is None:
        raise OSError(errno.ENODEV, f"{wanted.host_name} or {wanted.bridge} was removed meanwhile")
    host.run(
        new_forwarding_entry(port.ifindex, wanted.mac),
        *(
            new_neighbour(bridge.ifindex, address.partition("/")[0], wanted.mac)
            for address in wanted.addresses
        ),
    )


def _parse(document: Mapping[str, object]) -> _Interface:
    try:
        if document["kind"] != "bridge":
            raise ValueError(f"unknown kind {document['kind']!r}")
        return _Interface(
            host_name=_text(document["host_name"]),
            name=_text(document["name"]),
            bridge=_text(document["bridge"]),
            mac=_text(document["mac"]),
            addresses=[_text(item) for item in _list(document["addresses"])],
            routes=[_route(item) for item in _list(document["routes"])],
            mtu=_number(document["mtu"]),
            hairpin=document.get("hairpin") is True,
            isolated=document.get("isolated") is True,
            sysctls=_sysctls(document.get("sysctls")),
        )
    except (KeyError, ValueError) as err:
        raise ValueError(f"malformed interface document: {err}") from err


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {value!r}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"not a number: {value!r}")  # noqa: TRY004  # one error for a bad document
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"not a list: {value!r}")  # noqa: TRY004
    return value


def _route(value: object) -> tuple[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"not a route: {value!r}")  # noqa: TRY004
    via = value.get("via")
    return _text(value["to"]), "" if via is None else _text(via)


def _sysctls(value: object) -> dict[str, str]:
    """Names in dotted form (`net.ipv4.conf.eth0.x`) become paths; only below `net`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"not a table of sysctls: {value!r}")  # noqa: TRY004
    found = {}
    for name, setting in value.items():
        path = _text(name).replace(".", "/")
        if not path.startswith("net/") or ".." in name:
            raise ValueError(f"not a network sysctl: {name!r}")
        found[path] = _text(setting)
    return found
