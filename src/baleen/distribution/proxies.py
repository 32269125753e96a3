"""Which proxy leads to a host: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

See: golang.org/x/net/http/httpproxy, whose rules dockerd's users know.
"""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from baleen.distribution.settings import RegistrySettings

__all__ = ["Proxy", "proxy_for"]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is spoken to in plain HTTP; TLS goes through it from end to end.

    `authorization` is the value of Proxy-Authorization, or empty.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)


def proxy_for(settings: RegistrySettings, scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy for a URL, or None where it is asked directly.

    Raises:
        InvalidArgument: the setting is no URL of an HTTP proxy.
    """
    text = settings.https_proxy if scheme == "https" else settings.http_proxy
    if not text or _is_direct(settings.no_proxy, host, port):
        return None
    return _parse(text if "://" in text else f"http://{text}")


def _parse(text: str) -> Proxy:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as err:
        raise InvalidArgument("invalid proxy setting: it is no URL") from err
    if url.scheme != "http" or not url.hostname:
        # The URL may hold a password, so it is not shown.
        raise InvalidArgument("invalid proxy setting: an http:// URL is needed")
    authorization = ""
    if url.username is not None:
        user = f"{unquote(url.username)}:{unquote(url.password or '')}"
        authorization = "Basic " + b64encode(user.encode()).decode()
    return Proxy(url.hostname, port or 80, authorization)


def _is_direct(no_proxy: str, host: str, port: int) -> bool:
    """Apply NO_PROXY; loopback never goes through a proxy."""
    host = host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(entry, host, address, port) for entry in no_proxy.lower().split(","))


def _matches(
    entry: str,
    host: str,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    port: int,
) -> bool:
    entry = entry.strip()
    if entry in {"", "*"}:
        return entry == "*"
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    if _address(entry.strip("[]")) is None:
        entry, colon, wanted = entry.rpartition(":") if ":" in entry else (entry, "", "")
        if colon and wanted != str(port):
            return False
    entry_address = _address(entry.strip("[]"))
    if entry_address is not None:
        return address == entry_address
    entry = entry.removeprefix("*")
    return host == entry or host.endswith(entry if entry.startswith(".") else f".{entry}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
