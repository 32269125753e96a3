"""Removing what is not used: the question, the call, the report."""

from __future__ import annotations

import sys

from baleen.cli.formatting.humanize import decimal_size
from baleen.cli.parsing.filters import encode_filters
from baleen.cli.terminal import write_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = [
    "confirm",
    "prune_builds",
    "prune_containers",
    "prune_images",
    "prune_networks",
    "prune_volumes",
    "report_space",
]


def confirm(flags: Flags, warning: str) -> bool:
    """Ask, unless `--force` was given; anything but y or yes is no, which is no failure either."""
    if flags.on("force"):
        return True
    write_out(f"WARNING! {warning}\nAre you sure you want to continue? [y/N] ")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def report_space(session: Session, size: int) -> None:
    """The last line of a prune."""
    session.out(f"Total reclaimed space: {decimal_size(size)}")


def _call(session: Session, path: str, filters: list[tuple[str, str]]) -> JsonObject:
    answer = session.client.post(path, filters=encode_filters(filters))
    return answer if isinstance(answer, dict) else {}


def _print(session: Session, title: str, lines: list[str]) -> None:
    if lines:
        session.out(f"{title}:")
        for line in lines:
            session.out(line)
        session.out("")


def prune_containers(session: Session, filters: list[tuple[str, str]]) -> int:
    """Remove stopped containers; bytes that became free."""
    answer = _call(session, "/containers/prune", filters)
    _print(session, "Deleted Containers", answer.get("ContainersDeleted") or [])
    return int(answer.get("SpaceReclaimed") or 0)


def prune_networks(session: Session, filters: list[tuple[str, str]]) -> None:
    """Remove networks without containers."""
    answer = _call(session, "/networks/prune", filters)
    _print(session, "Deleted Networks", answer.get("NetworksDeleted") or [])


def prune_volumes(session: Session, filters: list[tuple[str, str]], *, everything: bool) -> int:
    """Remove volumes without containers, named ones too with `everything`; bytes freed."""
    # Before API 1.42 the engine always took named volumes too, and knows no such filter.
    if everything and session.client.api_at_least(42):
        filters = [*filters, ("all", "true")]
    answer = _call(session, "/volumes/prune", filters)
    _print(session, "Deleted Volumes", answer.get("VolumesDeleted") or [])
    return int(answer.get("SpaceReclaimed") or 0)


def prune_images(session: Session, filters: list[tuple[str, str]], *, everything: bool) -> int:
    """Remove images without a name, or (`everything`) without containers; bytes freed."""
    dangling = ("dangling", "false" if everything else "true")
    answer = _call(session, "/images/prune", [dangling, *filters])
    lines = [
        f"{kind.lower()}: {item[kind]}"
        for item in answer.get("ImagesDeleted") or ()
        for kind in ("Untagged", "Deleted")
        if item.get(kind)
    ]
    _print(session, "Deleted Images", lines)
    return int(answer.get("SpaceReclaimed") or 0)


def prune_builds(
    session: Session,
    filters: list[tuple[str, str]],
    *,
    everything: bool,
    keep: int | None = None,
    maximum: int | None = None,
    free: int | None = None,
) -> int:
    """Remove records of the build cache; bytes freed. Sizes in bytes; None: no such limit."""
    answer = session.client.post(
        "/build/prune",
        all=everything or None,
        filters=encode_filters(filters),
        **{
            "keep-storage": keep or None,
            "reserved-space": keep or None,
            "max-used-space": maximum or None,
            "min-free-space": free or None,
        },
    )
    found = answer if isinstance(answer, dict) else {}
    _print(session, "Deleted build cache objects", found.get("CachesDeleted") or [])
    return int(found.get("SpaceReclaimed") or 0)
