"""The texts and files that a container needs for names: resolv.conf, hosts, its resolver's view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baleen.network import resolv

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from baleen.network.config import NetworkConfig
    from baleen.network.directory import NetworkDirectory
    from baleen.network.names import NamesFiles
    from baleen.network.network import Endpoint

__all__ = ["ContainerFiles"]


class ContainerFiles:
    """Makes them from a container's endpoints, the user's wishes and the host's own files."""

    def __init__(
        self, config: NetworkConfig, directory: NetworkDirectory, names: NamesFiles
    ) -> None:
        self._config = config
        self._directory = directory
        self._names = names

    def resolv_conf(
        self,
        endpoints: Iterable[Endpoint],
        *,
        servers: Sequence[str] = (),
        search: Sequence[str] = (),
        options: Sequence[str] = (),
    ) -> str:
        """Content of the container's /etc/resolv.conf."""
        endpoints = list(endpoints)
        host = self._host_resolv_conf()
        if any(item.driver == "host" for item in endpoints):
            return host.override(servers, search, options).text()
        if any(self._has_names(item) for item in endpoints):
            return resolv.embedded(host.override((), search, options)).text()
        if resolv.has_only_loopback_servers(host):
            host = _read_resolv_conf(self._config.resolved_conf) or host
        return resolv.direct(host).override(servers, search, options).text()

    def _host_resolv_conf(self) -> resolv.ResolvConf:
        return _read_resolv_conf(self._config.resolv_conf) or resolv.ResolvConf()

    def _has_names(self, endpoint: Endpoint) -> bool:
        network = self._directory.get(endpoint.network_id)
        return network is not None and network.has_names

    def dns(
        self, container_id: str, endpoints: Iterable[Endpoint], *, servers: Sequence[str] = ()
    ) -> dict[str, Any] | None:
        """The `dns` document of start.json, or None when the container needs no resolver.

        Writes the container's list of names files; call it again after connect and disconnect.
        """
        endpoints = list(endpoints)
        named = [item for item in endpoints if self._has_names(item)]
        if not named:
            self._names.remove_view(container_id)
            return None
        view = self._names.write_view(container_id, [item.network_id for item in named])
        return {
            "names": str(view),
            "upstream": list(servers),  # none: the resolver follows the host's resolv.conf
            "search": [],
            "forward": not all(item.internal for item in endpoints),
        }

    def hosts(
        self,
        endpoints: Iterable[Endpoint],
        *,
        hostname: str,
        domainname: str = "",
        extra_hosts: Sequence[str] = (),
    ) -> str:
        """Content of the container's /etc/hosts; `name:host-gateway` is resolved here."""
        endpoints = list(endpoints)
        on_host = any(item.driver == "host" for item in endpoints)
        head = _read_text(self._config.hosts) if on_host else resolv.HOSTS_HEAD
        return resolv.hosts_text(
            [item.ipv4 for item in endpoints if item.ipv4],
            hostname=hostname,
            domainname=domainname,
            extra_hosts=extra_hosts,
            host_gateway=self._directory.resolve("bridge").pools[0].gateway,
            head=head,
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _read_resolv_conf(path: Path) -> resolv.ResolvConf | None:
    text = _read_text(path)
    return resolv.parse_resolv_conf(text) if text else None
