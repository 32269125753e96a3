"""What an administrator says about registries: mirrors, certificates, proxies, limits.

Light to import: the daemon reads its configuration with it, and loads the rest at the first pull.

See: docs/registries.md; dockerd's reference, "registry-mirrors", "insecure-registries".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "RegistrySettings",
    "parse_insecure",
    "parse_mirror",
    "proxies_of_environment",
    "service_config",
]

LOOPBACK = ("::1/128", "127.0.0.0/8")
_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """Settings of the registry client; every part has a default that works.

    Attributes:
        mirrors: base URLs tried before Docker Hub, as `parse_mirror` returns them.
        registry_mirrors: the same for other registries, by their domain.
        insecure: names (`host[:port]`) and networks (CIDR) of registries whose certificates are
            not verified and that may speak plain HTTP. Loopback always is one.
        certificates: directories laid out as `<host[:port]>/{*.crt,*.cert,*.key}`, first wins.
        http_proxy, https_proxy, no_proxy: as the environment variables of these names.
        max_concurrent_downloads: of blobs, for one pull.
        max_concurrent_uploads: of blobs, for one push.
        max_download_attempts: tries of one blob or document that gain nothing.
        connect_timeout_s: for looking a name up, connecting, and the TLS handshake, each.
        stall_timeout_s: a connection without a byte for so long has failed.
        retry_delay_s: wait before the first retry; doubles each time.
    """

    mirrors: tuple[str, ...] = ()
    registry_mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    insecure: tuple[str, ...] = ()
    certificates: tuple[Path, ...] = (Path("/etc/baleen/certs.d"), Path("/etc/docker/certs.d"))
    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: str = ""
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    connect_timeout_s: float = 30.0
    stall_timeout_s: float = 60.0
    retry_delay_s: float = 0.5


def parse_mirror(text: str) -> str:
    """Return the base URL of a mirror, ending in a slash.

    Raises:
        InvalidArgument: in dockerd's words.
    """
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError as err:
        raise InvalidArgument(f'invalid mirror: "{text}" is not a valid URI: {err}') from err
    if url.scheme not in {"http", "https"}:
        raise InvalidArgument(f'invalid mirror: unsupported scheme "{url.scheme}" in "{text}"')
    if not url.hostname:
        raise InvalidArgument(f'invalid mirror: "{text}" is not a valid URI: it has no host')
    if url.username is not None or url.password is not None:
        raise InvalidArgument(
            f'invalid mirror: username/password not allowed in URI "{url.scheme}://{url.hostname}"'
        )
    if url.query or url.fragment:
        raise InvalidArgument(f'invalid mirror: query or fragment at end of the URI "{text}"')
    return text.removesuffix("/") + "/"


def parse_insecure(text: str) -> str:
    """Return an entry of `insecure-registries`: a CIDR, or `host[:port]` without a scheme.

    Raises:
        InvalidArgument: in dockerd's words.
    """
    name = re.sub(r"\Ahttps?://", "", text, flags=re.IGNORECASE)
    if "://" in name:
        raise InvalidArgument(f"insecure registry {text} should not contain '://'")
    if is_network(name):
        return name
    host, port = _split_port(name)
    if _HOST.fullmatch(host) is None:
        raise InvalidArgument(f'insecure registry {text} is not valid: invalid host "{host}"')
    if port and not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise InvalidArgument(f'insecure registry {text} is not valid: invalid port "{port}"')
    return "docker.io" if name == "index.docker.io" else name


def _split_port(name: str) -> tuple[str, str]:
    if name.startswith("["):
        host, _, port = name.partition("]")
        return host + "]", port.removeprefix(":")
    host, _, port = name.partition(":")
    return host, port


def is_network(text: str) -> bool:
    """Say whether `text` is a network in CIDR notation."""
    if "/" not in text:
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def proxies_of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxy settings that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or lower case) give."""
    return {
        name: environment.get(name.upper()) or environment.get(name, "")
        for name in ("http_proxy", "https_proxy", "no_proxy")
    }


def service_config(settings: RegistrySettings) -> dict[str, object]:
    """Return the `RegistryConfig` object of `GET /info`."""
    networks = [entry for entry in settings.insecure if is_network(entry)]
    indexes = {
        name: {"Name": name, "Mirrors": [], "Secure": False, "Official": False}
        for name in settings.insecure
        if not is_network(name)
    }
    indexes["docker.io"] = {
        "Name": "docker.io",
        "Mirrors": list(settings.mirrors),
        "Secure": True,
        "Official": True,
    }
    return {
        "InsecureRegistryCIDRs": [*networks, *(n for n in LOOPBACK if n not in networks)],
        "IndexConfigs": indexes,
        "Mirrors": list(settings.mirrors),
    }
