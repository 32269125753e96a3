"""`baleen images`: the list of images."""

from __future__ import annotations

import time

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.formatting.humanize import ago, decimal_size
from baleen.cli.formatting.rows import Row
from baleen.cli.listing import FILTER, FORMAT, NO_TRUNC, print_rows
from baleen.cli.parsing.filters import encode_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND", "HEADERS", "image_rows"]

HEADERS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
    "VirtualSize": "SIZE",
}


def _split(tag: str) -> tuple[str, str]:
    name, colon, text = tag.rpartition(":")
    return (name, text) if colon and "/" not in text else (tag, "<none>")


def _names(image: JsonObject, *, digests: bool) -> list[tuple[str, str, str]]:
    """(repository, tag, digest) for each line that an image has in the list."""
    tags = [_split(tag) for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
    by_name: dict[str, list[str]] = {}
    for entry in image.get("RepoDigests") or ():
        name, at, digest = str(entry).partition("@")
        if at and name != "<none>":
            by_name.setdefault(name, []).append(digest)
    if not tags:
        if by_name:
            return [(name, "<none>", digest) for name, found in by_name.items() for digest in found]
        return [("<none>", "<none>", "<none>")]
    result: list[tuple[str, str, str]] = []
    for name, tag in tags:
        found = by_name.get(name, ["<none>"]) if digests else ["<none>"]
        result += [(name, tag, digest) for digest in found]
    return result


def image_rows(
    images: list[JsonObject], *, digests: bool, trunc: bool, now: float
) -> Iterator[Row]:
    """One row for each name of each image."""
    for image in images:
        identifier = str(image.get("Id", ""))
        created = int(image.get("Created") or 0)
        shown = identifier.rpartition(":")[2][:12] if trunc else identifier
        for repository, tag, digest in _names(image, digests=digests):
            yield _row(image, (repository, tag, digest), shown, created, now)


def _row(
    image: JsonObject, name: tuple[str, str, str], identifier: str, created: int, now: float
) -> Row:
    def size_of(key: str) -> str:
        value = int(image.get(key) or 0)
        return "N/A" if value < 0 else decimal_size(value, 3)

    def unique_size() -> str:
        size, shared = int(image.get("Size") or 0), int(image.get("SharedSize", -1))
        return "N/A" if size < 0 or shared < 0 else decimal_size(size - shared, 3)

    containers = int(image.get("Containers", -1))
    return Row(
        {
            "ID": identifier,
            "Repository": name[0],
            "Tag": name[1],
            "Digest": name[2],
            # Images without a date (and reproducible ones of 1970) say so.
            "CreatedSince": lambda: ago(created, now) if created > 0 else "N/A",
            "CreatedAt": lambda: time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(created)),
            "Size": lambda: size_of("Size"),
            "VirtualSize": lambda: size_of("Size"),
            "SharedSize": lambda: size_of("SharedSize"),
            "UniqueSize": unique_size,
            "Containers": "N/A" if containers < 0 else str(containers),
        },
        kind="*formatter.imageContext",
    )


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    filters = list(flags.value("filter"))
    if arguments:
        filters.append(("reference", arguments[0]))
    images: list[JsonObject] = (
        session.client.get(
            "/images/json",
            all=flags.on("all") or None,
            filters=encode_filters(filters),
            digests=flags.on("digests") or None,
        )
        or []
    )
    trunc = not flags.on("no-trunc")
    digests = flags.on("digests")
    rows = image_rows(images, digests=digests, trunc=trunc, now=time.time())
    if flags.on("quiet"):
        # One line per image name, as Docker prints it.
        for row in rows:
            session.out(str(row.get("ID")))
        return 0
    middle = "\t{{.Digest}}" if digests else ""
    return print_rows(
        session,
        rows,
        form=flags.text("format") or session.setting("imagesFormat"),
        default=f"{{{{.Repository}}}}\t{{{{.Tag}}}}{middle}\t{{{{.ID}}}}"
        "\t{{.CreatedSince}}\t{{.Size}}",
        headers=HEADERS,
    )


COMMAND = Command(
    _run,
    "[OPTIONS] [REPOSITORY[:TAG]]",
    flags=(
        Flag("all", "a", "bool", "Show all images (default hides intermediate images)"),
        Flag("digests", "", "bool", "Show digests"),
        FILTER,
        FORMAT,
        NO_TRUNC,
        Flag("quiet", "q", "bool", "Only show image IDs"),
    ),
    maximum=1,
)
