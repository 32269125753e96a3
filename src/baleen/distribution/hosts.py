"""Where a registry is: Docker Hub's names, mirrors, insecure registries, and the order of trial.

See: docs/registries.md.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.distribution.settings import LOOPBACK, is_network
from baleen.errors import InvalidArgument
from baleen.oci.reference import DEFAULT_DOMAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from baleen.distribution.settings import RegistrySettings

__all__ = [
    "HUB_INDEX",
    "Endpoint",
    "endpoints",
    "is_hub",
    "is_insecure",
    "login_domain",
    "search_ways",
]

HUB_INDEX = "https://index.docker.io/v1/"
_HUB_REGISTRY = "registry-1.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", _HUB_REGISTRY, "registry.hub.docker.com"})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to a registry.

    Attributes:
        scheme: `https` or `http`.
        host: name or address, IPv6 without brackets.
        port: always a number.
        prefix: path below which `/v2/` is, without a slash at the end.
        authority: `host[:port]` as it was configured: the name of its certificates' directory.
        insecure: its certificate is not verified, and it may speak plain HTTP.
        mirror: it only stands in for the registry; credentials are not for it.
    """

    scheme: str
    host: str
    port: int
    authority: str
    prefix: str = ""
    insecure: bool = False
    mirror: bool = False

    @property
    def origin(self) -> tuple[str, str, int]:
        """What tells it from others: scheme, host, port."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


def is_hub(domain: str) -> bool:
    """Say whether the domain of a reference means Docker Hub."""
    return domain in _HUB_NAMES


def login_domain(server: str) -> str:
    """Return the domain that `docker login SERVER` means; an empty one is Docker Hub."""
    domain = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DEFAULT_DOMAIN if not domain or is_hub(domain) else domain


def endpoints(
    settings: RegistrySettings, domain: str, lookup: Lookup, *, push: bool = False
) -> list[Endpoint]:
    """Return the ways to the registry of `domain` in the order of trial: mirrors, HTTPS, HTTP.

    Mirrors are only pulled from; HTTP is tried where the registry is insecure. `lookup` gives the
    addresses of a name and is asked when networks decide; see `is_insecure`.
    """
    hub = is_hub(domain)
    found = []
    if not push:
        mirrors = (*settings.registry_mirrors.get(domain, ()), *(settings.mirrors if hub else ()))
        found = [_mirror(settings, url, lookup) for url in mirrors]
    if hub:
        return [*found, endpoint_of(f"https://{_HUB_REGISTRY}")]
    insecure = is_insecure(settings, domain, lookup)
    found.append(endpoint_of(f"https://{domain}", insecure=insecure))
    if insecure:
        found.append(endpoint_of(f"http://{domain}", insecure=True))
    return found


def _mirror(settings: RegistrySettings, url: str, lookup: Lookup) -> Endpoint:
    authority = urlsplit(url).netloc
    plain = url.startswith("http:")
    insecure = plain or is_insecure(settings, authority, lookup)
    return endpoint_of(url, insecure=insecure, mirror=True)


def endpoint_of(url: str, *, insecure: bool = False, mirror: bool = False) -> Endpoint:
    """Return the endpoint of a base URL.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as err:
        raise InvalidArgument(f'invalid registry address "{url}": {err}') from err
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise InvalidArgument(f'invalid registry address "{url}"')
    return Endpoint(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port if port is not None else _PORTS[parts.scheme],
        authority=parts.netloc,
        prefix=parts.path.rstrip("/"),
        insecure=insecure,
        mirror=mirror,
    )


if TYPE_CHECKING:
    Lookup = Callable[[str], Iterable[str]]


def is_insecure(settings: RegistrySettings, authority: str, lookup: Lookup) -> bool:
    """Say whether the registry at `host[:port]` may be spoken to without proof of who it is.

    By its name, by its name without the port, or by one of its addresses being in a network of
    the settings; names are looked up (`lookup`) only for the last.
    """
    endpoint = endpoint_of(f"https://{authority}")
    names = [entry for entry in settings.insecure if not is_network(entry)]
    if authority in names or endpoint.host in names:
        return True
    networks = [
        ipaddress.ip_network(entry, strict=False)
        for entry in (*settings.insecure, *LOOPBACK)
        if is_network(entry)
    ]
    return any(
        address in network for address in _addresses(endpoint.host, lookup) for network in networks
    )


def _addresses(host: str, lookup: Lookup) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    if host == "localhost":
        return [ipaddress.ip_address("127.0.0.1")]
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        return [ipaddress.ip_address(text.partition("%")[0]) for text in lookup(host)]


def search_ways(settings: RegistrySettings, domain: str, lookup: Lookup) -> list[Endpoint]:
    """Return where a registry is searched; Docker Hub has a host of its own for that."""
    if is_hub(domain):
        return [endpoint_of("https://index.docker.io")]
    return endpoints(settings, domain, lookup, push=True)
