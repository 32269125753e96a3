"""Files and directories of the host that others may read.

The daemon's umask is 077: what it makes is its own unless it is made by a function of this kind,
which says otherwise by an explicit mode.
"""

from __future__ import annotations

import os

__all__ = ["make_public_directory", "write_public_file"]


def make_public_directory(path: str, owner: tuple[int, int] | None = None) -> None:
    """Make the directory and its missing parents, each with mode 0755; it may exist already.

    Docker makes the missing source of a bind mount so. `owner` (uid, gid) gets what was made.

    Raises:
        OSError: from mkdir(2).
    """
    missing = []
    while not os.path.isdir(path):  # noqa: PTH112
        missing.append(path)
        path = os.path.dirname(path)  # noqa: PTH120
    for directory in reversed(missing):
        try:
            os.mkdir(directory)  # noqa: PTH102
        except FileExistsError:
            continue
        os.chmod(directory, 0o755)  # noqa: PTH101, S103
        if owner is not None:
            os.chown(directory, *owner)


def write_public_file(path: str, text: str, owner: tuple[int, int] | None = None) -> None:
    """Replace the content of the file, in place: it may be bound into a running container.

    Its mode becomes 0644: every user of the container reads it. `owner` is the container's root,
    who may write it.
    """
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        os.fchmod(file.fileno(), 0o644)
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        file.write(text)
