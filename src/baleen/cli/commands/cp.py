"""`baleen cp`: files between a container and the local file system."""

from __future__ import annotations

import os
import stat

from baleen.cli.attachment import container_path
from baleen.cli.command import Command
from baleen.cli.commands.load import read_pieces
from baleen.cli.copying.extract import Extractor
from baleen.cli.copying.paths import (
    PathStat,
    base_name,
    parse_path_stat,
    place,
    rename_top,
    split_argument,
)
from baleen.cli.copying.tar_writer import tar_tree
from baleen.cli.flags import Flag
from baleen.cli.streaming import write_all
from baleen.cli.terminal import is_terminal
from baleen.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session

__all__ = ["COMMAND"]

_STAT_HEADER = "x-docker-container-path-stat"


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    source_container, source = split_argument(arguments[0])
    target_container, target = split_argument(arguments[1])
    if not source or not target:
        raise InvalidArgument("source and destination can not be empty")
    if source_container and target_container:
        raise InvalidArgument("copying between containers is not supported")
    if source_container:
        return _from_container(session, flags, source_container, source, target)
    if target_container:
        return _to_container(session, flags, source, target_container, target)
    raise InvalidArgument("must specify at least one container source")


def _stat(session: Session, container: str, path: str) -> PathStat:
    response = session.client.request("HEAD", container_path(container, "archive"), {"path": path})
    header = response.head.headers.get(_STAT_HEADER)
    for _ in response:
        pass
    return parse_path_stat(header)


def _stat_or_none(session: Session, container: str, path: str) -> PathStat | None:
    """A missing path is no error: it may be the copy's new name."""
    try:
        return _stat(session, container, path)
    except NotFound:
        return None


def _absolute(path: str) -> str:
    """A path in a container: relative ones start at its root."""
    return path if path.startswith("/") else "/" + path


def _link_target(path: str, target: str) -> str:
    if target.startswith("/"):
        return target
    return os.path.join(os.path.dirname(path.rstrip("/")), target)


# From a container


def _from_container(
    session: Session, flags: Flags, container: str, source: str, target: str
) -> int:
    if target == "-" and is_terminal(1):
        raise InvalidArgument("refusing to write an archive to a terminal")
    name = None
    source = _absolute(source)
    if flags.on("follow-link"):
        found = _stat_or_none(session, container, source)
        if found is not None and found.is_link:
            name, source = base_name(source), _link_target(source, found.link_target)
    response = session.client.request("GET", container_path(container, "archive"), {"path": source})
    found = parse_path_stat(response.head.headers.get(_STAT_HEADER))
    if target == "-":
        for data in response:
            write_all(1, data)
        return 0
    placement = place(
        target,
        exists=os.path.lexists(target),
        is_directory=os.path.isdir(target),
        source_is_directory=found.is_directory,
    )
    top = base_name(source)
    if placement.name is None and name is not None:
        placement.name = name
    try:
        extractor = Extractor(
            placement.directory, rename=rename_top(placement.name, top), owners=flags.on("archive")
        )
    except OSError as err:
        response.close()
        if isinstance(err, FileNotFoundError):
            raise NotFound(
                f'invalid output path: directory "{placement.directory}" does not exist'
            ) from err
        raise
    try:
        extractor.extract(response)
    finally:
        extractor.close()
    for path in extractor.skipped:
        session.warn(f"skipped {path}: device nodes are not copied")
    if not flags.on("quiet") and is_terminal(2):
        session.warn(f"Successfully copied {container}:{source} to {target}")
    return 0


# To a container


def _destination(session: Session, container: str, path: str) -> tuple[str, PathStat | None]:
    """The path to copy to, after one symbolic link, and what is there."""
    found = _stat_or_none(session, container, path)
    if found is not None and found.is_link:
        path = _link_target(path, found.link_target)
        found = _stat_or_none(session, container, path)
    return path, found


def _to_container(session: Session, flags: Flags, source: str, container: str, target: str) -> int:
    path, found = _destination(session, container, _absolute(target))
    exists = found is not None
    is_directory = found is not None and found.is_directory
    if source == "-":
        if not is_directory:
            raise InvalidArgument(f'destination "{container}:{target}" must be a directory')
        directory, pieces = path, read_pieces(0)
    else:
        local, top = _local_source(source, follow=flags.on("follow-link"))
        placement = place(
            path,
            exists=exists,
            is_directory=is_directory,
            source_is_directory=stat.S_ISDIR(os.lstat(local).st_mode),
        )
        directory = placement.directory
        pieces = tar_tree(os.fsencode(local), os.fsencode(placement.name or top))
    session.client.request(
        "PUT",
        container_path(container, "archive"),
        {
            "path": directory,
            "noOverwriteDirNonDir": True,
            "copyUIDGID": flags.on("archive") or None,
        },
        upload=pieces,
    ).read(1 << 20)
    if not flags.on("quiet") and is_terminal(2):
        session.warn(f"Successfully copied {source} to {container}:{target}")
    return 0


def _local_source(source: str, *, follow: bool) -> tuple[str, str]:
    """The file to read and the name that the archive's top entry has."""
    try:
        info = os.lstat(source)
    except OSError as err:
        raise InvalidArgument(f"lstat {source}: {(err.strerror or str(err)).lower()}") from err
    top = base_name(source)
    if top in {"..", "/"}:
        top = base_name(os.path.abspath(source))
    if stat.S_ISLNK(info.st_mode) and (follow or source.endswith("/")):
        try:
            return os.path.realpath(source, strict=True), top
        except OSError as err:
            raise InvalidArgument(f"{source}: {err.strerror or err}") from err
    if source.endswith("/") and not stat.S_ISDIR(info.st_mode):
        raise InvalidArgument(f"{source}: not a directory")
    return source, top


COMMAND = Command(
    _run,
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
    "\tbaleen cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    flags=(
        Flag("archive", "a", "bool", "Archive mode (copy all uid/gid information)"),
        Flag("follow-link", "L", "bool", "Always follow symbol link in SRC_PATH"),
        Flag("quiet", "q", "bool", "Suppress progress output during copy"),
    ),
    minimum=2,
    maximum=2,
)
