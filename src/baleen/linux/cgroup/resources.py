"""Reading the OCI `linux.resources` strictly: each value is checked before it meets the kernel.

See: OCI runtime-spec config-linux.md, Control groups.
"""

from __future__ import annotations

import re

from baleen.linux.cgroup.cpuset import parse_cpuset
from baleen.linux.cgroup.driver import LimitRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Section", "cpuset_of", "device_lines", "hugepage_limits", "rdma_lines", "section"]

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1
_PAGE_SIZE = re.compile(r"[1-9][0-9]{0,9}[KMG]B", re.ASCII)


class Section:
    """One object of the document; reads its members by type."""

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        self._name = name
        self._values = values

    def __bool__(self) -> bool:
        return any(value is not None for value in self._values.values())

    def has(self, key: str) -> bool:
        """Whether the member is there and not null."""
        return self._values.get(key) is not None

    def integer(self, key: str, minimum: int = -1, maximum: int = INT64_MAX) -> int | None:
        """The number, or None when absent. Raises LimitRefused outside of the bounds."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise LimitRefused(f"{self._name}.{key}", f"{self._name}.{key} is not an integer")
        if not minimum <= value <= maximum:
            raise LimitRefused(
                f"{self._name}.{key}",
                f"{self._name}.{key} {value} is not between {minimum} and {maximum}",
            )
        return value

    def flag(self, key: str) -> bool:
        """The boolean, False when absent."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise LimitRefused(f"{self._name}.{key}", f"{self._name}.{key} is not a boolean")
        return bool(value)

    def text(self, key: str) -> str:
        """The string, "" when absent."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, str):
            raise LimitRefused(f"{self._name}.{key}", f"{self._name}.{key} is not a string")
        return value or ""

    def sections(self, key: str) -> list[Section]:
        """A list of objects, [] when absent."""
        value = self._values.get(key)
        return _sections(f"{self._name}.{key}", value)


def _sections(name: str, value: object) -> list[Section]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        raise LimitRefused(name, f"{name} is not a list of objects")
    if len(value) > 4096:
        raise LimitRefused(name, f"{name} has more than 4096 entries")
    return [Section(name, item) for item in value]


def section(resources: Mapping[str, object], name: str) -> Section:
    """The named object of the resources; an empty one when absent."""
    value = resources.get(name)
    if value is None:
        return Section(name, {})
    if not isinstance(value, dict):
        raise LimitRefused(name, f"{name} is not an object")
    return Section(name, value)


def cpuset_of(cpu: Section, key: str) -> str:
    """A checked list of CPUs ("cpus") or memory nodes ("mems"), "" when absent."""
    text = cpu.text(key)
    try:
        parse_cpuset(text)
    except ValueError as error:
        raise LimitRefused(f"cpuset.{key}", f"cpuset.{key}: {error}") from error
    return text


def device_lines(block_io: Section, key: str, value_key: str) -> list[tuple[str, int]]:
    """("major:minor", value) of a per-device list such as throttleReadBpsDevice."""
    result = []
    for entry in block_io.sections(key):
        major = entry.integer("major", 0, 0xFFFFFFFF)
        minor = entry.integer("minor", 0, 0xFFFFFFFF)
        value = entry.integer(value_key, 0, UINT64_MAX)
        if major is None or minor is None:
            raise LimitRefused(f"blockIO.{key}", f"blockIO.{key} has an entry without a device")
        if value is not None:
            result.append((f"{major}:{minor}", value))
    return result


def hugepage_limits(resources: Mapping[str, object]) -> list[tuple[str, int]]:
    """(page size as the kernel's file names have it, bytes)."""
    result = []
    for entry in _sections("hugepageLimits", resources.get("hugepageLimits")):
        size = entry.text("pageSize")
        limit = entry.integer("limit", 0, UINT64_MAX)
        if _PAGE_SIZE.fullmatch(size) is None:
            raise LimitRefused("hugetlb", f"the huge page size {size[:32]!r} is not like '2MB'")
        if limit is not None:
            result.append((size, limit))
    return result


def rdma_lines(resources: Mapping[str, object]) -> list[str]:
    """Lines for rdma.max, the same on both versions."""
    lines = []
    values = resources.get("rdma")
    if values is None:
        return []
    if not isinstance(values, dict):
        raise LimitRefused("rdma", "rdma is not an object")
    for device in values:
        limits = section(values, device)
        if not device.isascii() or not device.replace("_", "").isalnum():
            raise LimitRefused("rdma", f"the rdma device {device[:32]!r} is not a device name")
        parts = [device]
        for key, name in (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")):
            value = limits.integer(key, 0, 0xFFFFFFFF)
            if value is not None:
                parts.append(f"{name}={value}")
        if len(parts) > 1:
            lines.append(" ".join(parts))
    return lines
