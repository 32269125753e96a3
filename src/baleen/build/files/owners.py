"""The words of `--chown`: `user[:group]`, by number or by the names of the tree that is worked on.

See: Dockerfile reference, COPY --chown: a user alone that is a number is the group's number too;
one that is a name brings the group of its passwd entry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument
from baleen.images.users import UserFiles, read_user_files, resolve_user

if TYPE_CHECKING:
    from baleen.linux.fd import Fd

__all__ = ["resolve_owner"]

_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)


def resolve_owner(words: str, root: Fd | None) -> tuple[int, int]:
    """Return the uid and gid that `words` means in the tree below `root`; "" is root.

    Numbers need no root.

    Raises:
        InvalidArgument: a name that is in no file, a number out of range, or a malformed text.
    """
    user, colon, group = words.partition(":")
    if not words:
        return 0, 0
    if colon and not group:
        raise InvalidArgument(f"invalid chown string {words[:128]!r}: no group behind the colon")
    names = [text for text in (user, group) if text and not _NUMBER.fullmatch(text)]
    files = read_user_files(root) if names and root is not None else UserFiles()
    found = resolve_user(files, f"{user or '0'}:{group}" if group else user)
    if not group and _NUMBER.fullmatch(user):
        return found.uid, found.uid
    return found.uid, found.gid
