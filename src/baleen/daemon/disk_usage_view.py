"""The shape of /system/df for the client's version of the API.

Before v1.52 the answer was lists of objects; since v1.53 it is sums for each kind, with the
objects only when `verbose` is asked for; v1.52 has both.

See: Engine API CHANGELOG, v1.52; definitions ImagesDiskUsage and its siblings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from baleen.api import to_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["disk_usage_view"]

_SUMS_SINCE = (1, 52)
_LISTS_UNTIL = (1, 52)

Item = dict[str, object]


def disk_usage_view(
    usage: Mapping[str, object], version: tuple[int, int], *, verbose: bool
) -> dict[str, object]:
    """Return the answer; `usage` is the engine's, by lists."""
    lists = cast("dict[str, object]", to_wire(dict(usage)))
    reclaimable = lists.pop("ImagesReclaimable", 0)
    if version < _SUMS_SINCE:
        return lists
    view: dict[str, object] = {}
    if version <= _LISTS_UNTIL and not verbose:
        view.update(lists)
    layers = lists.get("LayersSize")
    for name, key, size, is_active in _KINDS:
        if name not in lists:
            continue
        items = cast("list[Item]", lists[name] or [])
        total = sum(size(item) for item in items)
        unused = sum(size(item) for item in items if not is_active(item))
        if name == "Images" and isinstance(layers, int):
            # Layers are shared, so the sum over the images is not what they take.
            total, unused = layers, cast("int", reclaimable)
        view[key] = {
            "ActiveCount": sum(1 for item in items if is_active(item)),
            "TotalCount": len(items),
            "Reclaimable": unused,
            "TotalSize": total,
            **({"Items": items} if verbose else {}),
        }
    return view


def _number(item: Item, *names: str) -> int:
    value: object = item
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


_KINDS: tuple[tuple[str, str, Callable[[Item], int], Callable[[Item], bool]], ...] = (
    (
        "Images",
        "ImageUsage",
        lambda item: _number(item, "Size"),
        lambda item: _number(item, "Containers") > 0,
    ),
    (
        "Containers",
        "ContainerUsage",
        lambda item: _number(item, "SizeRw"),
        lambda item: item.get("State") in ("running", "paused", "restarting"),
    ),
    (
        "Volumes",
        "VolumeUsage",
        lambda item: _number(item, "UsageData", "Size"),
        lambda item: _number(item, "UsageData", "RefCount") > 0,
    ),
    (
        "BuildCache",
        "BuildCacheUsage",
        lambda item: _number(item, "Size"),
        lambda item: bool(item.get("InUse")),
    ),
)
