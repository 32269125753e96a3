"""One element of the answer to /containers/json, as cached bytes.

All of it is fixed while the record is the same, but for the human status text; so the element is
kept as the bytes before and after that text, and a list is little more than a join.

See: Engine API v1.55, definition ContainerSummary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.api.wire import to_wire
from baleen.containers.status_text import status_text
from baleen.containers.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.containers.record import ContainerRecord

__all__ = ["Summary", "command_text", "port_list"]


class Summary:
    """The encoded element of one record; made anew when the record is replaced."""

    __slots__ = ("_after", "_before", "_bytes", "record", "valid_until")

    def __init__(
        self, record: ContainerRecord, display_image: Callable[[ContainerRecord], str]
    ) -> None:
        self.record = record
        before, after = _parts(record, display_image(record))
        # A status text is ASCII and holds neither a quote nor a backslash: no escaping needed.
        self._before = msgspec.json.encode(before)[:-1] + b',"Status":"'
        self._after = b'",' + msgspec.json.encode(after)[1:]
        self._bytes = b""
        self.valid_until = float("-inf")

    def encoded(self, now: float) -> bytes:
        """Return the element as it is true at `now` (Unix seconds)."""
        if now >= self.valid_until:
            text, self.valid_until = status_text(self.record, now)
            self._bytes = self._before + text.encode("ascii") + self._after
        return self._bytes

    def encoded_with_size(self, now: float, size: tuple[int, int]) -> bytes:
        """Return the element with `SizeRw` and `SizeRootFs`, in bytes."""
        rw, rootfs = size
        return b'%b,"SizeRw":%d,"SizeRootFs":%d}' % (self.encoded(now)[:-1], rw, rootfs)


def command_text(record: ContainerRecord) -> str:
    """Return the command as `docker ps` shows it; arguments with a space are quoted."""
    words = (f"'{word}'" if " " in word else word for word in record.args)
    return " ".join((record.path, *words))


def port_list(record: ContainerRecord) -> list[dict[str, object]]:
    """Return the published and exposed ports, by port number."""
    result: list[dict[str, object]] = []
    for key, bindings in sorted(record.ports.items(), key=lambda item: _port_key(item[0])):
        number, _, protocol = key.partition("/")
        common = {"PrivatePort": int(number), "Type": protocol or "tcp"}
        if not bindings:
            result.append(common)
            continue
        for binding in bindings:
            element: dict[str, object] = {"IP": binding.host_ip} if binding.host_ip else {}
            element |= {"PrivatePort": int(number)}
            if binding.host_port:
                element["PublicPort"] = int(binding.host_port)
            element["Type"] = protocol or "tcp"
            result.append(element)
    return result


def _port_key(key: str) -> tuple[int, str]:
    number, _, protocol = key.partition("/")
    return int(number), protocol


def _parts(record: ContainerRecord, image: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return what stands before the status text and what stands after it."""
    health = record.health
    before: dict[str, object] = {
        "Id": record.id,
        "Names": [f"/{record.name}"],
        "Image": image,
        "ImageID": record.image_id,
        "Command": command_text(record),
        "Created": parse_time(record.created) // 1_000_000_000,
        "Ports": port_list(record),
        "Labels": record.config.labels,
        "State": record.status.value,
    }
    if record.manifest is not None:
        before["ImageManifestDescriptor"] = to_wire(record.manifest)
    host: dict[str, object] = {"NetworkMode": record.host_config.network_mode}
    if record.host_config.annotations:
        host["Annotations"] = record.host_config.annotations
    after: dict[str, object] = {
        "HostConfig": host,
        "Health": {
            "Status": (health.status if health else "") or "none",
            "FailingStreak": health.failing_streak if health else 0,
        },
        "NetworkSettings": {"Networks": to_wire(record.endpoints)},
        "Mounts": to_wire(record.mounts),
    }
    return before, after
