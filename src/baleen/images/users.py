"""Who a process runs as: `name|uid[:group|gid]`, looked up in the image's own passwd and group.

The files come from an image, so they are found by descriptor inside its root, must be regular
files, and are read up to a limit. Numbers follow one grammar, decimal digits alone: what is not
a number is a name, and a name that is not in the file is an error, never uid 0.

See: `docker run --user` and USER in the Dockerfile reference; passwd(5), group(5).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.errors import InvalidArgument
from baleen.linux.path import open_in_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from baleen.linux.fd import Fd

__all__ = ["User", "UserFiles", "read_user_files", "resolve_user"]

_MAX_FILE: Final = 1 << 20
_MAX_ID: Final = 2**31 - 1
_NUMBER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_NUMBER_BYTES: Final = re.compile(rb"[0-9]{1,10}")
_MAX_GROUPS: Final = 65536


@dataclass(frozen=True, slots=True)
class User:
    """A resolved user. `groups` are the supplementary ones, the primary group first."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class UserFiles:
    """The raw content of /etc/passwd and /etc/group; empty where there is no such file."""

    passwd: bytes = b""
    group: bytes = b""


@dataclass(frozen=True, slots=True)
class _Account:
    name: bytes
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: bytes
    gid: int
    members: tuple[bytes, ...]


def read_user_files(root: Fd) -> UserFiles:
    """Read both files below the descriptor of a container's root directory.

    Blocks for at most 2 MiB of reading; never opens a FIFO or a device.

    Raises:
        InvalidArgument: one is no regular file, or larger than 1 MiB.
    """
    return UserFiles(_read_file(root, "etc/passwd"), _read_file(root, "etc/group"))


def _read_file(root: Fd, path: str) -> bytes:
    try:
        with open_in_root(root.fileno(), path, os.O_PATH) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise InvalidArgument(f"/{path} in the container is not a regular file")
            descriptor = os.open(f"/proc/self/fd/{handle.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as err:
        raise InvalidArgument(f"cannot read /{path} in the container: {err.strerror}") from err
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  # a descriptor
        data = b""
        while chunk := file.read(_MAX_FILE + 1 - len(data)):
            data += chunk
    if len(data) > _MAX_FILE:
        raise InvalidArgument(f"/{path} in the container is larger than {_MAX_FILE} bytes")
    return data


def resolve_user(files: UserFiles, spec: str, group_add: Sequence[str] = ()) -> User:
    """Return what `spec` means; "" is root.

    Without a group, the primary one is that of the passwd entry (0 for a number that has none),
    and the user is in all groups that name it as a member. `group_add` are names or numbers.

    Raises:
        InvalidArgument: a name is in no file, a number out of range, or a malformed text.
    """
    user_text, colon, group_text = spec.partition(":")
    if ":" in group_text or (colon and not (user_text and group_text)):
        raise InvalidArgument(
            f"invalid user {spec[:128]!r}: want name or uid, then maybe a colon and group or gid"
        )
    account = _find_account(files, user_text or "0")
    gid, groups = account.gid, []
    if group_text:
        gid = _find_group(files, group_text)
    elif account.name:
        groups = [group.gid for group in _groups(files.group) if account.name in group.members]
    extra = [_find_group(files, text) for text in group_add]
    return User(
        uid=account.uid,
        gid=gid,
        groups=tuple(dict.fromkeys((gid, *groups, *extra)))[:_MAX_GROUPS],
        home=account.home,
    )


def _find_account(files: UserFiles, text: str) -> _Account:
    if _NUMBER.fullmatch(text):
        uid = _checked_id(text)
        found = next((entry for entry in _accounts(files.passwd) if entry.uid == uid), None)
        return found or _Account(b"", uid, 0, "/")
    name = text.encode("utf-8", "surrogateescape")
    for entry in _accounts(files.passwd):
        if entry.name == name:
            return entry
    raise InvalidArgument(f"unable to find user {text}: no matching entries in passwd file")


def _find_group(files: UserFiles, text: str) -> int:
    if _NUMBER.fullmatch(text):
        return _checked_id(text)
    name = text.encode("utf-8", "surrogateescape")
    for group in _groups(files.group):
        if group.name == name:
            return group.gid
    raise InvalidArgument(f"unable to find group {text}: no matching entries in group file")


def _checked_id(text: str) -> int:
    number = int(text)
    if number > _MAX_ID:
        raise InvalidArgument(f"uids and gids must be in range 0-{_MAX_ID}")
    return number


def _accounts(passwd: bytes) -> Iterator[_Account]:
    for line in passwd.split(b"\n"):
        fields = line.strip().split(b":")
        if len(fields) < 4 or not fields[0]:
            continue
        uid, gid = _id_of(fields[2]), _id_of(fields[3])
        if uid is None or gid is None:
            continue
        home = fields[5].decode("utf-8", "surrogateescape") if len(fields) > 5 else ""
        yield _Account(fields[0], uid, gid, home or "/")


def _groups(group: bytes) -> Iterator[_Group]:
    for line in group.split(b"\n"):
        fields = line.strip().split(b":")
        if len(fields) < 3 or not fields[0]:
            continue
        gid = _id_of(fields[2])
        if gid is not None:
            members = tuple(fields[3].split(b",")) if len(fields) > 3 and fields[3] else ()
            yield _Group(fields[0], gid, members)


def _id_of(field: bytes) -> int | None:
    """Return a number of a file's field, or None: such a line counts as not there."""
    if _NUMBER_BYTES.fullmatch(field) is None or int(field) > _MAX_ID:
        return None
    return int(field)
