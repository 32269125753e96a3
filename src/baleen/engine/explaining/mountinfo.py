"""/proc/PID/mountinfo as values.

The lines come from the kernel, but names in them may be the container's own: they are unescaped
and otherwise taken as they are.

See: proc_pid_mountinfo(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MountLine", "is_visible", "parse_mountinfo"]

_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountLine:
    """One mount.

    Attributes:
        root: which directory of the file system is mounted; "/" unless it is a bind.
        target: the mount point, seen from the process' root.
        propagation: the optional fields, "private" when there are none.
        super_options: of the file system, beside the mount's own.
    """

    id: int
    parent: int
    device: str
    root: str
    target: str
    options: tuple[str, ...]
    propagation: str
    type: str
    source: str
    super_options: tuple[str, ...]


def parse_mountinfo(text: str) -> list[MountLine]:
    """Return the mounts in the kernel's order; a line that is cut off is left out."""
    found = []
    for line in text.split("\n"):
        fields, separator, tail = line.partition(" - ")
        parts, rest = fields.split(" "), tail.split(" ")
        if not separator or len(parts) < 6 or len(rest) < 3:
            continue
        if not (parts[0].isdigit() and parts[1].isdigit()):
            continue
        found.append(
            MountLine(
                id=int(parts[0]),
                parent=int(parts[1]),
                device=parts[2],
                root=_plain(parts[3]),
                target=_plain(parts[4]),
                options=tuple(parts[5].split(",")),
                propagation=" ".join(parts[6:]) or "private",
                type=rest[0],
                source=_plain(rest[1]),
                super_options=tuple(_plain(rest[2]).split(",")),
            )
        )
    return found


def is_visible(line: MountLine, lines: Sequence[MountLine]) -> bool:
    """Whether a path walk to the mount's place ends in it: nothing was mounted over it.

    Neither on it, nor on a directory above it in the mounts that lead there.
    """
    by_id = {other.id: other for other in lines}
    way = {line.id}
    above = by_id.get(line.parent)
    while above is not None and above.id not in way:
        way.add(above.id)
        above = by_id.get(above.parent)
    place = f"{line.target}/"
    return not any(
        other.parent in way and other.id not in way and place.startswith(_directory(other.target))
        for other in lines
    )


def _directory(target: str) -> str:
    return target if target.endswith("/") else f"{target}/"


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
