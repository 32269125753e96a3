"""Moving interfaces of the host into a container's network namespace.

Addresses go with them, and they are up there. If one cannot be had, those that were moved before
are moved back. Loaded only for documents that ask. See: OCI runtime-spec config-linux.md, Network
Devices.
"""

from __future__ import annotations

import contextlib
import os

from baleen.linux.fd import Fd
from baleen.linux.link_moving import move_link, permanent_addresses
from baleen.linux.netns import inside_netns
from baleen.linux.rtnetlink import RouteSocket, set_link
from baleen.runtime.failure import LaunchError, reason
from baleen.runtime.process_spec import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from baleen.runtime.fields import Fields

__all__ = ["move_devices", "parse_net_devices"]

# IFNAMSIZ with the final zero.
_NAME_BYTES: Final = 16


def parse_net_devices(linux: Fields) -> tuple[tuple[str, str], ...]:
    """Read `netDevices`: (name on the host, name in the container). Raises LaunchError."""
    devices = linux.object("netDevices")
    result = []
    for name in devices.values:
        _check_name(devices, name)
        inside = devices.object(name).text("name", "") or name
        _check_name(devices, inside.replace("%d", "0", 1))
        result.append((name, inside))
    names = [inside for _, inside in result if "%d" not in inside]
    for name in names:
        if names.count(name) > 1:
            raise refuse(f"{devices.where.rstrip('.')}: two devices get the name {name!r}")
    return tuple(result)


def _check_name(devices: Fields, name: str) -> None:
    # dev_valid_name() of the kernel.
    wrong = any(char.isspace() or char in "/:%\0" for char in name)
    if wrong or name in ("", ".", "..") or len(os.fsencode(name)) >= _NAME_BYTES:
        raise refuse(f"{devices.where.rstrip('.')}: {name!r} is not a name of a network device")


def move_devices(netns: Fd, devices: tuple[tuple[str, str], ...]) -> None:
    """Move them all into `netns` (LaunchError: none is moved)."""
    with contextlib.ExitStack() as held, contextlib.ExitStack() as undo:
        host = held.enter_context(RouteSocket())
        with inside_netns(netns.fileno()):
            inside = held.enter_context(RouteSocket())
        home = held.enter_context(Fd(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)))
        for name, wanted in devices:
            try:
                moved = _move(host, inside, netns.fileno(), name, wanted)
            except OSError as error:
                details = " ".join(getattr(error, "__notes__", ()))
                message = f'cannot move network device "{name}": {reason(error)} ({details})'
                raise LaunchError("netDevices", error.errno or 0, message, 128) from error
            undo.callback(_move_back, inside, host, home.fileno(), moved, name)
        undo.pop_all()


def _move(source: RouteSocket, target: RouteSocket, namespace: int, name: str, wanted: str) -> str:
    """Move one, with addresses, and set it up; returns the name that it has got."""
    link = source.link(name)
    if link is None:
        message = f'cannot move network device "{name}": the host has none of that name'
        raise LaunchError("netDevices", 0, message, 128)
    before = {found.name for found in target.links()}
    if wanted in before:
        message = f'cannot move network device "{name}": the container has a "{wanted}" already'
        raise LaunchError("netDevices", 0, message, 128)
    addresses = permanent_addresses(source, link.ifindex)
    source.run(move_link(link.ifindex, namespace, wanted))
    (moved,) = (found for found in target.links() if found.name not in before)
    for address in addresses:
        target.run(address.message(moved.ifindex))
    target.run(set_link(moved.ifindex, up=True))
    return moved.name


def _move_back(inside: RouteSocket, host: RouteSocket, home: int, moved: str, name: str) -> None:
    with contextlib.suppress(OSError, LaunchError):
        _move(inside, host, home, moved, name)
