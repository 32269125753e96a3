"""Volumes on the wire.

See: Engine API v1.55, /volumes/*.
"""

from __future__ import annotations

from msgspec import field

from baleen.api.wire import Int, UInt, Wire

__all__ = [
    "Volume",
    "VolumeCreateBody",
    "VolumeCreateRequest",
    "VolumeListResponse",
    "VolumeUsageData",
    "VolumesPruneResponse",
]


class VolumeUsageData(Wire, frozen=True):
    """What a volume holds: bytes, and containers that use it; -1 is "not known"."""

    size: Int = -1
    ref_count: Int = -1


class Volume(Wire, frozen=True):
    """A volume as list and inspect show it; `created_at` is RFC 3339 without fraction."""

    created_at: str = ""
    driver: str = "local"
    labels: dict[str, str] = field(default_factory=dict)
    mountpoint: str = ""
    name: str = ""
    options: dict[str, str] = field(default_factory=dict)
    scope: str = "local"
    status: dict[str, str] = field(default_factory=dict)
    usage_data: VolumeUsageData | None = None

    omit_empty = frozenset({"created_at", "status", "usage_data"})
    null_empty = frozenset({"labels", "options"})


class VolumeCreateRequest(Wire, frozen=True):
    """Body of /volumes/create; an empty name asks for a random one."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


VolumeCreateBody = VolumeCreateRequest


class VolumeListResponse(Wire, frozen=True):
    """Answer of /volumes."""

    volumes: list[Volume] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    null_empty = frozenset({"warnings"})


class VolumesPruneResponse(Wire, frozen=True):
    """Answer of /volumes/prune; space in bytes."""

    volumes_deleted: list[str] = field(default_factory=list)
    space_reclaimed: UInt = 0

    null_empty = frozenset({"volumes_deleted"})
