"""From HostConfig's port bindings to requests for host ports, and back to what `inspect` shows.

See: Engine API v1.55, definitions PortMap and HostConfig (PortBindings, PublishAllPorts).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final, Literal, cast

from baleen.api import PortBinding
from baleen.errors import InvalidArgument
from baleen.network.network import PortRequest, PublishedPort

if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.api import ContainerConfig, HostConfig

__all__ = ["port_map", "port_requests"]

_PORT: Final = re.compile(r"([0-9]{1,5})(?:/(tcp|udp|sctp))?", re.ASCII)
_RANGE: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


def parse_port(text: str) -> tuple[int, Literal["tcp", "udp", "sctp"]]:
    """Return number and protocol of "80/tcp" or "80".

    Raises:
        InvalidArgument: it is neither, or the number is not 1 to 65535.
    """
    match = _PORT.fullmatch(text)
    if match is None or not 0 < int(match[1]) < 65536:
        raise InvalidArgument(f"invalid port specification: {text!r}")
    return int(match[1]), cast("Literal['tcp', 'udp', 'sctp']", match[2] or "tcp")


def port_requests(config: ContainerConfig, host: HostConfig) -> list[PortRequest]:
    """Return what is to be published, in the order of container ports.

    Raises:
        InvalidArgument: a malformed port, range or address.
    """
    requests = []
    for key, bindings in host.port_bindings.items():
        port, protocol = parse_port(key)
        for binding in bindings or [PortBinding()]:
            first, last = _host_range(binding.host_port)
            requests.append(
                PortRequest(
                    protocol=protocol,
                    container_port=port,
                    host_ip=_host_ip(binding.host_ip),
                    host_port_first=first,
                    host_port_last=last,
                )
            )
    if host.publish_all_ports:
        bound = {(request.container_port, request.protocol) for request in requests}
        for key in config.exposed_ports:
            port, protocol = parse_port(key)
            if (port, protocol) not in bound:
                requests.append(PortRequest(protocol=protocol, container_port=port))
    return sorted(requests, key=lambda request: (request.container_port, request.protocol))


def _host_range(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    match = _RANGE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid port specification: {text!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last or last > 65535:
        raise InvalidArgument(f"invalid port range: {text!r}")
    return first, last


def _host_ip(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as err:
        raise InvalidArgument(f"invalid IP address in a port binding: {text!r}") from err


def port_map(
    config: ContainerConfig, published: Iterable[PublishedPort]
) -> dict[str, list[PortBinding] | None]:
    """Return NetworkSettings.Ports: bindings of published ports, None for exposed ones."""
    ports: dict[str, list[PortBinding] | None] = {}
    for key in config.exposed_ports:
        number, protocol = parse_port(key)
        ports[f"{number}/{protocol}"] = None
    for port in published:
        key = f"{port.container_port}/{port.protocol}"
        bindings = ports.get(key) or []
        bindings.append(PortBinding(host_ip=port.host_ip, host_port=str(port.host_port)))
        ports[key] = bindings
    return ports
