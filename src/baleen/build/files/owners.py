"""The words of `--chown`: `user[:group]`, by number or by the names of the tree that is worked on.

See: Dockerfile reference, COPY --chown: a user alone that is a number is the group's number too;
one that is a name brings the group of its passwd entry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument, NotFound
from baleen.images.users import UserFiles, resolve_user

if TYPE_CHECKING:
    from baleen.build.files.tree import FileTree

__all__ = ["has_names", "resolve_owner", "user_files"]

_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_LIMIT = 1 << 20


def resolve_owner(words: str, files: UserFiles) -> tuple[int, int]:
    """Return the uid and gid that `words` means where these files are; "" is root.

    Raises:
        InvalidArgument: a name that is in no file, a number out of range, or a malformed text.
    """
    user, colon, group = words.partition(":")
    if not words:
        return 0, 0
    if colon and not group:
        raise InvalidArgument(f"invalid chown string {words[:128]!r}: no group behind the colon")
    found = resolve_user(files, f"{user or '0'}:{group}" if group else user)
    if not group and _NUMBER.fullmatch(user):
        return found.uid, found.uid
    return found.uid, found.gid


def has_names(words: str) -> bool:
    """Whether the files of the tree are needed to know who is meant."""
    return any(text and not _NUMBER.fullmatch(text) for text in words.split(":"))


def user_files(tree: FileTree) -> UserFiles:
    """Return the files that names are looked up in; empty where there are none.

    Raises:
        InvalidArgument: one is no regular file, or larger than 1 MiB.
        OSError, ValueError: the tree's contents cannot be read (any more).
    """
    return UserFiles(_read(tree, b"etc/passwd"), _read(tree, b"etc/group"))


def _read(tree: FileTree, path: bytes) -> bytes:
    try:
        node = tree.find(path)
    except NotFound:
        return b""
    if not node.is_file or node.size > _LIMIT:
        raise InvalidArgument(f"/{path.decode()} is no regular file, or larger than {_LIMIT} bytes")
    return b"".join(tree.chunks(node))
