"""`baleen builder du`: the records of the build cache."""

from __future__ import annotations

import time

from baleen.cli.command import Command
from baleen.cli.disk_usage import CACHE_HEADERS, cache_row, cache_size
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.listing import FORMAT, NO_TRUNC, print_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_COLUMNS = "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}"
_VERBOSE = _COLUMNS + "\t{{.Description}}"


def _run(session: Session, flags: Flags, _arguments: list[str]) -> int:
    answer = session.client.get("/system/df", type="build-cache", verbose=True)
    usage: JsonObject = answer if isinstance(answer, dict) else {}
    # A list by itself, or since API 1.52 one in an object.
    found = usage.get("BuildCache") or (usage.get("BuildCacheUsage") or {}).get("Items")
    cache: list[JsonObject] = found or []
    cache = sorted(cache, key=lambda item: str(item.get("LastUsedAt") or ""))
    now = time.time()
    trunc = not flags.on("no-trunc")
    rows = [cache_row(item, trunc=trunc, now=now) for item in cache]
    default = _VERBOSE if flags.on("verbose") else _COLUMNS
    headers = {**CACHE_HEADERS, "Description": "DESCRIPTION"}
    print_rows(session, rows, form=flags.text("format"), default=default, headers=headers)
    if not flags.text("format"):
        total = sum(int(item.get("Size") or 0) for item in cache)
        session.out(f"Reclaimable:\t{decimal_size(cache_size(cache))}")
        session.out(f"Total:\t\t{decimal_size(total)}")
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS]",
    flags=(
        FORMAT,
        NO_TRUNC,
        Flag("verbose", "", "bool", "Show what step each record is of"),
    ),
    maximum=0,
)
