"""The settings about registries: from flags and daemon.json to what the registry client takes.

See: dockerd reference, "registry-mirrors", "insecure-registries", "Proxy configuration";
`distribution.settings` for the grammar of each value.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from baleen.distribution.settings import (
    RegistrySettings,
    parse_insecure,
    parse_mirror,
    proxies_of_environment,
)
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.daemon.config import Config

__all__ = ["DEFAULT_CERTS_DIRS", "add_mirror", "flatten_proxies", "registry_settings"]

DEFAULT_CERTS_DIRS = ("/etc/baleen/certs.d", "/etc/docker/certs.d")
# dockerd's 0 means no limit; threads need one.
_UNLIMITED = 64
_PROXIES = ("http-proxy", "https-proxy", "no-proxy")


def add_mirror(present: Mapping[str, list[str]], text: str) -> dict[str, list[str]]:
    """Return the mirrors with one more, `REGISTRY=URL`; raises InvalidArgument."""
    registry, equals, url = text.partition("=")
    if not registry or not equals:
        raise InvalidArgument(f"--registry-mirror-for: want REGISTRY=URL, got {text[:64]!r}")
    return {**present, registry: [*present.get(registry, []), url]}


def flatten_proxies(document: Mapping[str, object]) -> dict[str, object]:
    """Return daemon.json with the members of `proxies` under `proxies.NAME`.

    Raises:
        InvalidArgument: `proxies` is no object, or has another member.
    """
    flat = dict(document)
    proxies = flat.pop("proxies", None) or {}
    if not isinstance(proxies, dict):
        raise InvalidArgument("proxies: expected an object")
    for name, value in proxies.items():
        if name not in _PROXIES:
            raise InvalidArgument(
                "the following directives don't match any configuration option: "
                f"proxies.{str(name)[:64]}"
            )
        flat[f"proxies.{name}"] = value
    return flat


def registry_settings(config: Config, environment: Mapping[str, str]) -> RegistrySettings:
    """Return the client's settings; a proxy that the configuration names goes before the variable.

    Raises:
        InvalidArgument: in dockerd's words.
    """
    _check_limits(config)
    for directory in config.registry_certs_dirs:
        if not directory.startswith("/"):
            raise InvalidArgument(f"registry-certs-dirs: {directory[:64]!r} is no absolute path")
    for name in ("http_proxy", "https_proxy"):
        _check_proxy(name.replace("_", "-"), getattr(config, name))
    around = proxies_of_environment(environment)
    return RegistrySettings(
        mirrors=tuple(dict.fromkeys(parse_mirror(text) for text in config.registry_mirrors)),
        registry_mirrors={
            registry: tuple(parse_mirror(text) for text in urls)
            for registry, urls in config.registry_mirrors_for.items()
        },
        insecure=tuple(parse_insecure(text) for text in config.insecure_registries),
        certificates=tuple(Path(text) for text in config.registry_certs_dirs),
        http_proxy=config.http_proxy or around["http_proxy"],
        https_proxy=config.https_proxy or around["https_proxy"],
        no_proxy=config.no_proxy or around["no_proxy"],
        max_concurrent_downloads=config.max_concurrent_downloads or _UNLIMITED,
        max_concurrent_uploads=config.max_concurrent_uploads or _UNLIMITED,
        max_download_attempts=config.max_download_attempts,
    )


def _check_limits(config: Config) -> None:
    for name, value, least in (
        ("concurrent downloads", config.max_concurrent_downloads, 0),
        ("concurrent uploads", config.max_concurrent_uploads, 0),
        ("download attempts", config.max_download_attempts, 1),
    ):
        if value < least:
            raise InvalidArgument(f"invalid max {name}: {value}")


def _check_proxy(name: str, text: str) -> None:
    if not text:
        return
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        usable = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    # The text may hold a password, so it is not repeated.
    if not usable:
        raise InvalidArgument(f"{name}: the value is no URL of a proxy")
