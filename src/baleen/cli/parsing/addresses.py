"""IP addresses, host entries and links."""

from __future__ import annotations

from baleen.errors import InvalidArgument

__all__ = ["is_ip", "parse_dns_server", "parse_extra_host", "parse_ip", "parse_mac"]


def is_ip(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address in its strict form (no leading zeros)."""
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def parse_ip(text: str) -> str:
    """`text`, if it is an address.

    Raises:
        InvalidArgument: it is not.
    """
    if not is_ip(text):
        raise InvalidArgument(f"{text} is not an ip address")
    return text


def parse_dns_server(text: str) -> str:
    """The address of a name server."""
    if not is_ip(text.strip()):
        raise InvalidArgument(f"IP address is not correctly formatted: {text}")
    return text.strip()


def parse_extra_host(text: str) -> str:
    """`NAME:IP` or `NAME=IP` as the API takes it.

    Raises:
        InvalidArgument: no name, or neither an address nor `host-gateway`.
    """
    name, separator, address = text.partition("=")
    if not separator:
        name, separator, address = text.partition(":")
    if not name or not separator:
        raise InvalidArgument(f'bad format for add-host: "{text}"')
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if address != "host-gateway" and not is_ip(address):
        raise InvalidArgument(f'invalid IP address in add-host: "{address}"')
    return f"{name}:{address}"


def parse_mac(text: str) -> str:
    """A hardware address `aa:bb:cc:dd:ee:ff` (or with dashes)."""
    parts = text.replace("-", ":").split(":")
    hexadecimal = "0123456789abcdefABCDEF"
    if len(parts) != 6 or any(len(p) != 2 or p.strip(hexadecimal) for p in parts):
        raise InvalidArgument(f"{text} is not a valid mac address")
    return text
