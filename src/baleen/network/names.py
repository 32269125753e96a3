"""Names files: what the containers' resolvers read to answer names.

Below the run folder, written by write-temp and rename so that a reader sees old or new:

    networks/<network id>/names.json   {"network": "shop", "names": {"web": ["172.18.0.2"]},
                                        "reverse": {"172.18.0.2": "web"}}
    networks/views/<container id>.json {"files": ["<names.json of each of its networks>", ...]}

A container's view changes when it joins or leaves a network, a network's file when any of its
endpoints comes or goes. Readers notice by the file's identity and time (`runtime.resolver`).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from baleen.network.network import Endpoint

__all__ = ["NamesFiles"]

_MAX_NAME = 253  # RFC 1035 §2.3.4, without the root


class NamesFiles:
    """The folder of names files. Its files are derived: `keep` removes what nobody needs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views = folder / "views"

    def start(self) -> None:
        """Make the folders."""
        self._views.mkdir(parents=True, exist_ok=True, mode=0o711)

    def path(self, network_id: str) -> Path:
        """Where the names of a network are."""
        return self._folder / network_id / "names.json"

    def write_network(self, network_id: str, name: str, endpoints: Iterable[Endpoint]) -> None:
        """Write who is on the network; names are kept in lower case (RFC 4343)."""
        names: dict[str, list[str]] = {}
        reverse = {}
        for endpoint in endpoints:
            for item in dict.fromkeys(item.lower() for item in endpoint.names):
                if 0 < len(item) <= _MAX_NAME:
                    names.setdefault(item, []).append(endpoint.ipv4)
            reverse[endpoint.ipv4] = endpoint.container_name
        path = self.path(network_id)
        path.parent.mkdir(exist_ok=True, mode=0o711)
        _replace(path, {"network": name, "names": names, "reverse": reverse})

    def remove_network(self, network_id: str) -> None:
        """Remove a network's folder; idempotent."""
        shutil.rmtree(self._folder / network_id, ignore_errors=True)

    def write_view(self, container_id: str, network_ids: Iterable[str]) -> Path:
        """Write which networks' names a container sees; returns the file."""
        path = self._views / f"{container_id}.json"
        _replace(path, {"files": [str(self.path(network_id)) for network_id in network_ids]})
        return path

    def remove_view(self, container_id: str) -> None:
        """Remove a container's view; idempotent."""
        (self._views / f"{container_id}.json").unlink(missing_ok=True)

    def keep(self, network_ids: set[str], container_ids: set[str]) -> None:
        """Remove the files of all other networks and containers."""
        for path in self._folder.iterdir():
            if path != self._views and path.name not in network_ids:
                shutil.rmtree(path, ignore_errors=True)
        for path in self._views.iterdir():
            if path.stem not in container_ids:
                path.unlink(missing_ok=True)


def _replace(path: Path, document: object) -> None:
    """Put a document in place as a whole. Not synced: the run folder does not outlive the host."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(document))
    fresh.replace(path)
