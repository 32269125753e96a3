"""How `cp` names what it copies, and where the copy goes.

The rules are those of the reference of `docker cp`: a trailing `/.` means a folder's content, an
existing folder takes the copy inside, any other name is the copy's own.
"""

from __future__ import annotations

import base64
import os

from baleen.client.jsonstream import decode_json
from baleen.errors import DataLoss, InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from baleen.client.models import JsonObject

__all__ = [
    "PathStat",
    "Placement",
    "asserts_directory",
    "base_name",
    "parse_path_stat",
    "place",
    "rename_top",
    "split_argument",
]

_GO_DIRECTORY = 1 << 31
_GO_SYMLINK = 1 << 27


def split_argument(text: str) -> tuple[str, str]:
    """(container, path) of `CONTAINER:PATH`; no container for a local path."""
    if text.startswith(("/", "./", "../")) or text in {".", "..", "-"}:
        return "", text
    container, colon, path = text.partition(":")
    if not colon or "/" in container:
        return "", text
    return container, path


class PathStat:
    """What an engine says about a path in a container."""

    __slots__ = ("is_directory", "is_link", "link_target", "name", "size")

    def __init__(self, document: JsonObject) -> None:
        mode = document.get("mode")
        mode = mode if isinstance(mode, int) else 0
        self.name = str(document.get("name", ""))
        self.size = document.get("size", 0)
        self.is_directory = bool(mode & _GO_DIRECTORY)
        self.is_link = bool(mode & _GO_SYMLINK)
        self.link_target = str(document.get("linkTarget") or "")


def parse_path_stat(header: str | None) -> PathStat:
    """The value of an `X-Docker-Container-Path-Stat` header.

    Raises:
        DataLoss: it is missing or not what it should be.
    """
    if header is None:
        raise DataLoss("the engine did not describe the path")
    try:
        document = decode_json(base64.b64decode(header, validate=True))
    except ValueError as err:
        raise DataLoss("the engine's description of the path is malformed") from err
    if not isinstance(document, dict):
        raise DataLoss("the engine's description of the path is malformed")
    return PathStat(document)


def asserts_directory(path: str) -> bool:
    """Whether the path says by its end that it is a folder."""
    return path.endswith(("/", "/.")) or path == "."


def means_content(path: str) -> bool:
    """Whether the path names a folder's content instead of the folder."""
    return path.endswith("/.") or path == "."


def base_name(path: str) -> str:
    """The last component, without a trailing slash; `.` when the content is meant."""
    if means_content(path):
        return "."
    return os.path.basename(path.rstrip("/")) or "/"


class Placement:
    """Where an archive is to be unpacked.

    Attributes:
        directory: the folder to unpack in.
        name: the name that the archive's top entry gets there, or None to leave it.
    """

    __slots__ = ("directory", "name")

    def __init__(self, directory: str, name: str | None) -> None:
        self.directory = directory
        self.name = name


def place(
    destination: str,
    *,
    exists: bool,
    is_directory: bool,
    source_is_directory: bool,
) -> Placement:
    """Decide between copying into `destination` and copying as `destination`.

    Raises:
        InvalidArgument: a folder onto a file.
        NotFound: the destination says that it is a folder, and is not there.
    """
    if exists and is_directory:
        return Placement(destination, None)
    if exists and source_is_directory:
        raise InvalidArgument("cannot copy directory")
    if exists and asserts_directory(destination):
        raise InvalidArgument(f"{destination}: not a directory")
    if not exists and not source_is_directory and asserts_directory(destination):
        raise NotFound("no such directory")
    clean = destination.rstrip("/") or "/"
    directory, name = os.path.split(clean.removesuffix("/."))
    return Placement(directory or ".", name)


def rename_top(name: str | None, top: str) -> Callable[[bytes], bytes | None]:
    """A function that gives the archive's top entry `top` the name `name`, None to leave it.

    A folder's content (`.`) and the root (`/`) have no top entry: all goes below `name`. Else the
    function raises DataLoss for what is not `top` or below it: an engine that lies could put any
    file beside the one that was asked for.
    """
    old = os.fsencode(top)
    new = [] if name is None else [os.fsencode(name)]

    def rename(path: bytes) -> bytes | None:
        parts = [part for part in path.split(b"/") if part not in {b"", b"."}]
        if old in {b".", b"..", b"/"}:
            return b"/".join([*new, *parts])
        if parts[:1] != [old]:
            shown = os.fsdecode(path[:200])
            raise DataLoss(f"refusing the archive: {shown!r} is not what was asked for")
        return b"/".join([*(new or parts[:1]), *parts[1:]])

    return rename
