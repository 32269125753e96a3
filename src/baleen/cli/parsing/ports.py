"""`-p` and `--expose`: `[IP:][HOST_PORT[-END]:]PORT[-END][/PROTOCOL]`.

Source: the reference of `docker run`, "Publish or expose port", and docker/go-connections `nat`.
"""

from __future__ import annotations

from baleen.cli.parsing.addresses import is_ip
from baleen.cli.parsing.csv import split_fields
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.client.models import JsonObject

__all__ = ["parse_expose", "parse_port_range", "parse_publish"]

_PROTOCOLS = {"tcp", "udp", "sctp"}


def parse_port_range(text: str) -> tuple[int, int] | None:
    """First and last port of `80` or `80-90`; None if it is neither."""
    first, dash, last = text.partition("-")
    start = _port(first)
    end = _port(last) if dash else start
    if start is None or end is None or end < start:
        return None
    return start, end


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    value = int(text)
    return value if value < 65536 else None


def parse_expose(text: str) -> list[str]:
    """The keys of ExposedPorts for one `--expose`.

    Raises:
        InvalidArgument: not a port, a range, or a protocol that exists.
    """
    ports, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    found = parse_port_range(ports)
    if found is None or ":" in text:
        raise InvalidArgument(f"invalid range format for --expose: {text}, error: invalid syntax")
    return [f"{port}/{protocol}" for port in range(found[0], found[1] + 1)]


def parse_publish(specs: list[str]) -> tuple[dict[str, JsonObject], dict[str, list[JsonObject]]]:
    """ExposedPorts and PortBindings for all `-p` together.

    Raises:
        InvalidArgument: a spec that is none.
    """
    exposed: dict[str, JsonObject] = {}
    bindings: dict[str, list[JsonObject]] = {}
    for spec in specs:
        for key, binding in _parse_one(_short_form(spec) if "=" in spec else spec):
            exposed[key] = {}
            entries = bindings.setdefault(key, [])
            if binding not in entries:
                entries.append(binding)
    return exposed, bindings


def _short_form(spec: str) -> str:
    """`target=80,published=8080,protocol=tcp` in the short syntax."""
    parts = {"protocol": "tcp", "published": "", "target": ""}
    for field in split_fields(spec):
        key, equals, value = field.partition("=")
        if not equals or key not in {*parts, "mode", "name", "app_protocol"}:
            raise InvalidArgument(
                f"invalid publish opts format (should be name=value but got '{field}')"
            )
        parts[key] = value
    if not parts["target"]:
        raise InvalidArgument(f"invalid port format: {spec}: target is required")
    return f"{parts['published']}:{parts['target']}/{parts['protocol']}"


def _split(spec: str) -> tuple[str, str, str]:
    """IP, host part and container part."""
    front, colon, container = spec.rpartition(":")
    if not colon:
        return "", "", container
    if front.startswith("["):
        address, bracket, rest = front[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidArgument(f"invalid IP address: {front}")
        return address, rest[1:], container
    address, _, host = front.rpartition(":")
    return address, host, container


def _parse_one(spec: str) -> list[tuple[str, JsonObject]]:
    address, host, container = _split(spec)
    container, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if address and not is_ip(address):
        raise InvalidArgument(f"invalid IP address: {address}")
    if not container:
        raise InvalidArgument(f"no port specified: {spec}<empty>")
    targets = parse_port_range(container)
    if targets is None:
        raise InvalidArgument(f"invalid containerPort: {container}")
    hosts = parse_port_range(host) if host else None
    if host and hosts is None:
        raise InvalidArgument(f"invalid hostPort: {host}")
    if protocol not in _PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}")
    count = targets[1] - targets[0]
    if hosts is not None and count != hosts[1] - hosts[0] and count:
        raise InvalidArgument(
            f"invalid ranges specified for container and host Ports: {container} and {host}"
        )
    result: list[tuple[str, JsonObject]] = []
    for offset in range(count + 1):
        port = ""
        if hosts is not None:
            # One container port with a range of host ports: the engine picks a free one.
            port = host if not count and hosts[0] != hosts[1] else str(hosts[0] + offset)
        key = f"{targets[0] + offset}/{protocol}"
        result.append((key, {"HostIp": address, "HostPort": port}))
    return result
