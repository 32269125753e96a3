"""The detailed form of `system df`: a table for each kind of object."""

from __future__ import annotations

import time

from baleen.cli.commands.images import HEADERS as IMAGE_HEADERS
from baleen.cli.commands.images import image_rows
from baleen.cli.commands.ps import HEADERS as CONTAINER_HEADERS
from baleen.cli.commands.ps import container_row
from baleen.cli.commands.volume_ls import HEADERS as VOLUME_HEADERS
from baleen.cli.commands.volume_ls import volume_row
from baleen.cli.formatting.humanize import ago, decimal_size, parse_rfc3339
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import print_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = [
    "CACHE_HEADERS",
    "USAGES",
    "cache_row",
    "cache_size",
    "print_details",
    "with_lists",
]

# The lists of old answers: the objects that hold them since API 1.52, and their titles.
USAGES = {
    "Images": ("ImageUsage", "Images"),
    "Containers": ("ContainerUsage", "Containers"),
    "Volumes": ("VolumeUsage", "Local Volumes"),
    "BuildCache": ("BuildCacheUsage", "Build Cache"),
}

CACHE_HEADERS = {
    "ID": "CACHE ID",
    "CacheType": "CACHE TYPE",
    "Size": "SIZE",
    "CreatedSince": "CREATED",
    "LastUsedSince": "LAST USED",
    "UsageCount": "USAGE",
    "Shared": "SHARED",
}
_IMAGES = (
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
    "{{.UniqueSize}}\t{{.Containers}}"
)
_CONTAINERS = (
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t"
    "{{.Status}}\t{{.Names}}"
)
_VOLUMES = "{{.Name}}\t{{.Links}}\t{{.Size}}"
_CACHE = (
    "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t"
    "{{.UsageCount}}\t{{.Shared}}"
)


def with_lists(usage: JsonObject) -> JsonObject:
    """A verbose answer of any API version in the form of the old ones."""
    if "ImageUsage" not in usage:
        return usage
    return {kind: (usage.get(key) or {}).get("Items") for kind, (key, _) in USAGES.items()}


def cache_size(cache: list[JsonObject]) -> int:
    """Bytes of a build cache; records that share their bytes with an image are not counted."""
    return sum(int(item.get("Size") or 0) for item in cache if not item.get("Shared"))


def cache_row(item: JsonObject, *, trunc: bool, now: float) -> Row:
    """The row of one record of a build cache."""
    identifier = str(item.get("ID", ""))
    created, used = (str(item.get(key) or "") for key in ("CreatedAt", "LastUsedAt"))
    busy = bool(item.get("InUse"))

    def since(moment: str) -> str:
        return ago(parse_rfc3339(moment), now) if moment else ""

    return Row(
        {
            "ID": (identifier[:12] if trunc else identifier) + ("*" if busy else ""),
            "Parent": str(item.get("Parent") or ""),
            "CacheType": str(item.get("Type") or ""),
            "Size": decimal_size(int(item.get("Size") or 0), 3),
            "CreatedAt": created,
            "CreatedSince": lambda: since(created),
            "LastUsedAt": used,
            "LastUsedSince": lambda: since(used),
            "UsageCount": str(item.get("UsageCount") or 0),
            "InUse": "true" if busy else "false",
            "Shared": "true" if item.get("Shared") else "false",
            "Description": str(item.get("Description") or ""),
        },
        kind="*formatter.buildCacheContext",
    )


def print_details(session: Session, usage: JsonObject, form: str) -> int:
    """Print every object of a `/system/df` answer; a template gets all of them at once."""
    now = time.time()
    trunc = form in {"", "table"}
    cache: list[JsonObject] = usage.get("BuildCache") or []
    cache = sorted(cache, key=lambda item: str(item.get("LastUsedAt") or ""))
    # One line per image, under its first name.
    images: list[JsonObject] = [
        {**image, "RepoTags": (image.get("RepoTags") or [])[:1]}
        for image in usage.get("Images") or ()
    ]
    rows = {
        "Images": list(image_rows(images, digests=False, trunc=trunc, now=now)),
        "Containers": [
            container_row({**container, "SizeRootFs": 0}, trunc=trunc, now=now)
            for container in usage.get("Containers") or ()
        ],
        "Volumes": [volume_row(volume) for volume in usage.get("Volumes") or ()],
        "BuildCache": [cache_row(item, trunc=trunc, now=now) for item in cache],
    }
    if not trunc:
        from baleen.cli.formatting.template import compile_template

        text = "{{json .}}" if form == "json" else form.replace("\\t", "\t").replace("\\n", "\n")
        session.out(compile_template(text).render(rows))
        return 0
    for title, kind, default, headers in (
        ("Images space usage:\n", "Images", _IMAGES, IMAGE_HEADERS),
        ("\nContainers space usage:\n", "Containers", _CONTAINERS, CONTAINER_HEADERS),
        ("\nLocal Volumes space usage:\n", "Volumes", _VOLUMES, VOLUME_HEADERS),
        (
            f"\nBuild cache usage: {decimal_size(cache_size(cache))}\n",
            "BuildCache",
            _CACHE,
            CACHE_HEADERS,
        ),
    ):
        session.out(title)
        print_rows(session, rows[kind], form="", default=default, headers=headers)
    return 0
