"""The names that a container's resolver answers itself, read from the daemon's names files.

    view file      {"files": ["<network's file>", ...]}
    network's file {"network": "shop", "names": {"web": ["172.18.0.2"]},
                    "reverse": {"172.18.0.2": "web"}}

`web` and `web.shop` both mean the address. Files are replaced as a whole, so a change shows in
the file's inode and time; they are looked at on every question and read only when changed.
"""

from __future__ import annotations

import json
import os
import socket

from baleen.linux.record import record

__all__ = ["Names"]

_REVERSE_SUFFIX = ".in-addr.arpa"

_Signature = tuple[int, int, int]


@record(frozen=True, slots=True)
class _Network:
    """One network's file, parsed."""

    name: str
    addresses: dict[str, list[bytes]]
    reverse: dict[str, str]


class _File:
    """A file that is parsed again when it was replaced; unreadable means empty."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._signature: _Signature | None = None
        self._document: dict[str, object] = {}

    def changed(self) -> bool:
        """Whether the content is another one than at the last call."""
        try:
            status = os.stat(self.path)
        except OSError:
            signature = None
        else:
            signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        if signature == self._signature and signature is not None:
            return False
        changed = signature != self._signature
        self._signature = signature
        self._document = self._read() if signature else {}
        return changed

    def _read(self) -> dict[str, object]:
        try:
            with open(self.path, "rb") as file:
                document = json.load(file)
        except (OSError, ValueError):
            return {}
        return document if isinstance(document, dict) else {}

    def document(self) -> dict[str, object]:
        """The content as of the last `changed`."""
        return self._document


class Names:
    """Name -> addresses and address -> name, as the files say at the moment of the question."""

    def __init__(self, view_path: str) -> None:
        self._view = _File(view_path)
        self._files: list[_File] = []
        self._networks: dict[str, _Network] = {}

    def addresses(self, name: str) -> list[bytes] | None:
        """Addresses (4 bytes each) of `name` (lower case); None when it is not ours."""
        self._refresh()
        found: list[bytes] = []
        for network in self._networks.values():
            found += network.addresses.get(name, ())
            short = name.removesuffix(f".{network.name}")
            if short != name:
                found += network.addresses.get(short, ())
        return list(dict.fromkeys(found)) or None

    def pointer(self, name: str) -> str | None:
        """The name `web.shop` behind `2.0.18.172.in-addr.arpa`; None when it is not ours."""
        if not name.endswith(_REVERSE_SUFFIX):
            return None
        self._refresh()
        address = ".".join(reversed(name.removesuffix(_REVERSE_SUFFIX).split(".")))
        for network in self._networks.values():
            if address in network.reverse:
                return f"{network.reverse[address]}.{network.name}"
        return None

    def _refresh(self) -> None:
        if self._view.changed():
            paths = self._view.document().get("files")
            listed = paths if isinstance(paths, list) else []
            self._files = [_File(path) for path in listed if isinstance(path, str)]
            self._networks = {}
        for file in self._files:
            if file.changed() or file.path not in self._networks:
                self._networks[file.path] = _parse_network(file.document())


def _parse_network(document: dict[str, object]) -> _Network:
    """What can be understood of a network's file: a resolver goes on with half of the names."""
    names, reverse = document.get("names"), document.get("reverse")
    addresses = {}
    if isinstance(names, dict):
        for name, texts in names.items():
            addresses[name] = _parse_addresses(texts)
    return _Network(
        name=str(document.get("network", "")).lower(),
        addresses=addresses,
        reverse=reverse if isinstance(reverse, dict) else {},
    )


def _parse_addresses(texts: object) -> list[bytes]:
    found = []
    for text in texts if isinstance(texts, list) else ():
        try:
            found.append(socket.inet_pton(socket.AF_INET, text))
        except (OSError, TypeError, ValueError):
            continue
    return found
