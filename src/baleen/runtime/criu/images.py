"""The directory of an image: how it is opened, what may be in it, and the one file that we read.

    <directory>/*.img            criu's own; they are not looked into
                descriptors.json what the standard streams were, as runc writes it
                parent           of an incremental image: a link to the directory before it

Nothing else is ever taken from there: a container's document, image, log and mounts are those that
its owner has. Everything is looked up by descriptor, and a directory with links, devices, or files
that others could change is refused: criu follows what it finds, with root's rights.

See: criu(8) --images-dir, --prev-images-dir; OCI runtime-spec has no checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

from baleen.errors import InvalidArgument
from baleen.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

__all__ = ["DESCRIPTORS", "check_image", "open_directory", "read_streams", "write_streams"]

DESCRIPTORS: Final = "descriptors.json"
_PARENT: Final = "parent"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_MOST_FILES: Final = 1 << 16
_MOST_PARENTS: Final = 64
_MOST_BYTES: Final = 1 << 16
_STREAMS: Final = 3
_DIGITS: Final = frozenset("0123456789abcdef")


def open_directory(path: str, *, follow: bool = True) -> Fd:
    """The directory at `path`, which may be a link only with `follow`. Raises InvalidArgument."""
    try:
        return Fd(os.open(path, _DIRECTORY | (0 if follow else os.O_NOFOLLOW)))
    except OSError as error:
        raise InvalidArgument(f"cannot open the directory {path}: {error.strerror}") from error


def check_image(directory: Fd, name: str, *, parents: bool) -> None:
    """Refuse an image that is not made of plain files of its owner's. Raises InvalidArgument.

    Args:
        directory: of the image.
        name: what errors call it.
        parents: it may be incremental; the directories before it are looked at too.
    """
    with contextlib.ExitStack() as held:
        for _ in range(_MOST_PARENTS):
            if not _check_one(directory, name, parents=parents):
                return
            # criu opens it by this very link; the directories are the user's own.
            directory = held.enter_context(
                Fd(os.open(_PARENT, _DIRECTORY, dir_fd=directory.fileno()))
            )
            name = f"{name}/{_PARENT}"
    raise InvalidArgument(f"checkpoint {name} is refused: too many parents")


def _check_one(directory: Fd, name: str, *, parents: bool) -> bool:
    """Look at one directory; returns whether it has a parent."""
    _check_owner(os.fstat(directory.fileno()), name)
    names = os.listdir(directory.fileno())
    if len(names) > _MOST_FILES:
        raise InvalidArgument(f"checkpoint {name} has more than {_MOST_FILES} files")
    if not names:
        raise InvalidArgument(f"checkpoint {name} is no checkpoint: it is empty")
    linked = False
    for entry in names:
        found = os.stat(entry, dir_fd=directory.fileno(), follow_symlinks=False)
        if parents and entry == _PARENT and stat.S_ISLNK(found.st_mode):
            linked = True
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise InvalidArgument(
                f"checkpoint {name} is refused: {entry!r} is {_kind(found)}, not a plain file"
            )
        _check_owner(found, f"{name}: {entry!r}")
    return linked


def _check_owner(found: os.stat_result, name: str) -> None:
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & _OTHERS_WRITE:
        raise InvalidArgument(
            f"checkpoint {name} is refused: others than its owner, or a user who is not root, could"
            " change it"
        )


def _kind(found: os.stat_result) -> str:
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link"
    if stat.S_ISREG(found.st_mode):
        return "a file with several names"
    return "a directory" if stat.S_ISDIR(found.st_mode) else "a special file"


def _is_stream(text: object) -> bool:
    """Whether `text` names a pipe, or a file outside of the container, as criu does."""
    if not isinstance(text, str) or not text.endswith("]"):
        return False
    kind, _, identity = text[:-1].partition("[")
    if kind == "pipe:":
        return 0 < len(identity) <= 20 and identity.isascii() and identity.isdecimal()
    mount, colon, inode = identity.partition(":")
    return (
        kind == "file"
        and bool(colon)
        and all(0 < len(part) <= 16 and _DIGITS.issuperset(part) for part in (mount, inode))
    )


def write_streams(directory: Fd, streams: Sequence[str]) -> None:
    """Write what descriptors 0, 1 and 2 were, in place of what was there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(DESCRIPTORS, dir_fd=directory.fileno())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(DESCRIPTORS, flags, 0o600, dir_fd=directory.fileno())
    try:
        os.write(fd, json.dumps([*streams]).encode())
    finally:
        os.close(fd)


def read_streams(directory: Fd, name: str) -> tuple[str, ...]:
    """What they were: "pipe:[N]", "file[M:N]", or "" for what the image has itself.

    Raises InvalidArgument if the file is not there or says something else than three texts.
    """
    try:
        fd = os.open(DESCRIPTORS, _FILE, dir_fd=directory.fileno())
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ValueError("it is no file")
            data = os.read(fd, _MOST_BYTES)
        finally:
            os.close(fd)
        values = json.loads(data)
        if not isinstance(values, list) or len(values) != _STREAMS:
            raise ValueError("three texts are needed")
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"checkpoint {name}: cannot read {DESCRIPTORS}: {error}") from error
    return tuple(value if _is_stream(value) else "" for value in values)
