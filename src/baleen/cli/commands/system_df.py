"""`baleen system df`: how much disk is used, and what could be freed."""

from __future__ import annotations

from baleen.cli.command import Command
from baleen.cli.disk_usage import USAGES, cache_size, print_details, with_lists
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FORMAT, print_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_HEADERS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}


def _row(kind: str, total: int, active: int, size: int, free: int, *, share: bool = True) -> Row:
    part = f" ({free * 100 // size}%)" if share and size > 0 else ""
    return Row(
        {
            "Type": kind,
            "TotalCount": str(total),
            "Active": str(active),
            "Size": decimal_size(max(size, 0)),
            "Reclaimable": decimal_size(max(free, 0)) + part,
        },
        kind="*formatter.diskUsageContext",
    )


def _totals(usage: JsonObject) -> list[Row]:
    """The rows from what the engine has added up: API 1.52 and newer."""
    rows: list[Row] = []
    for kind, (key, title) in USAGES.items():
        part: JsonObject = usage.get(key) or {}
        total, active, size, free = (
            int(part.get(name) or 0)
            for name in ("TotalCount", "ActiveCount", "TotalSize", "Reclaimable")
        )
        rows.append(_row(title, total, active, size, free, share=kind != "BuildCache"))
    return rows


def _rows(usage: JsonObject) -> list[Row]:
    images: list[JsonObject] = usage.get("Images") or []
    containers: list[JsonObject] = usage.get("Containers") or []
    volumes: list[JsonObject] = usage.get("Volumes") or []
    cache: list[JsonObject] = usage.get("BuildCache") or []
    used = [image for image in images if int(image.get("Containers") or 0) > 0]
    layers = int(usage.get("LayersSize") or 0)
    held = sum(int(i.get("Size") or 0) - int(i.get("SharedSize") or 0) for i in used)
    running = [c for c in containers if c.get("State") in {"running", "paused", "restarting"}]
    written = sum(int(c.get("SizeRw") or 0) for c in containers)
    busy = sum(int(c.get("SizeRw") or 0) for c in running)
    sizes = [(v.get("UsageData") or {}) for v in volumes]
    volume_size = sum(max(int(u.get("Size") or 0), 0) for u in sizes)
    volume_free = sum(max(int(u.get("Size") or 0), 0) for u in sizes if not u.get("RefCount"))
    linked = sum(bool(u.get("RefCount")) for u in sizes)
    cached = cache_size(cache)
    in_use = [c for c in cache if c.get("InUse")]
    cache_free = cache_size([c for c in cache if not c.get("InUse")])
    return [
        _row("Images", len(images), len(used), layers, layers - held),
        _row("Containers", len(containers), len(running), written, written - busy),
        _row("Local Volumes", len(volumes), linked, volume_size, volume_free),
        _row("Build Cache", len(cache), len(in_use), cached, cache_free, share=False),
    ]


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    verbose = flags.on("verbose")
    usage: JsonObject = session.client.get("/system/df", verbose=verbose or None) or {}
    if verbose:
        return print_details(session, with_lists(usage), flags.text("format"))
    return print_rows(
        session,
        _totals(usage) if "ImageUsage" in usage else _rows(usage),
        form=flags.text("format"),
        default="{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
        headers=_HEADERS,
    )


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        FORMAT,
        Flag("verbose", "v", "bool", "Show detailed information on space usage"),
    ),
    maximum=0,
)
