"""/etc/subuid and /etc/subgid: which ids of the host an account may give to its containers.

One line is `account:first:count`, the account by name or by number; an account may have several
lines. Blank lines and such that begin with `#` say nothing. Anything else is refused with its
place: a range that is read wrongly would give containers somebody's files.

See: subuid(5), subgid(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

__all__ = ["IdRange", "first_free", "parse_ranges", "ranges_of", "read_ranges"]

_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
# 2**32 - 1 is no id: system calls use it for "leave as it is".
_END_OF_IDS: Final = 2**32 - 1
_MAX_BYTES: Final = 1 << 20
# Where useradd(8) begins by default (SUB_UID_MIN), and what a container usually gets.
_FIRST: Final = 100_000
_COUNT: Final = 65_536


@dataclass(frozen=True, slots=True)
class IdRange:
    """`count` ids of the host from `first` on, which belong to `account` (a name or a number)."""

    account: str
    first: int
    count: int

    @property
    def end(self) -> int:
        """The first id behind it."""
        return self.first + self.count


def read_ranges(path: Path) -> list[IdRange]:
    """Return what the file says, in its order; nothing when there is no file.

    Raises:
        FailedPrecondition: it cannot be read, or a line is malformed.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as err:
        raise FailedPrecondition(f"cannot read {path}: {err.strerror}") from err
    if len(raw) > _MAX_BYTES:
        raise FailedPrecondition(f"{path} is larger than 1 MiB")
    return parse_ranges(raw.decode("utf-8", "surrogateescape"), str(path))


def parse_ranges(text: str, name: str) -> list[IdRange]:
    """Return the ranges in the text of the file `name` (FailedPrecondition)."""
    result = []
    for number, line in enumerate(text.split("\n"), 1):
        if not (stripped := line.strip()) or stripped.startswith("#"):
            continue
        account, *numbers = stripped.split(":")
        if not account or len(numbers) != 2 or not all(map(_NUMBER.fullmatch, numbers)):
            raise FailedPrecondition(
                f"Cannot parse subuid/gid information: Format not correct for {name} file: "
                f"line {number}: {stripped[:64]!r}",
                hint="a line is account:first:count",
            )
        found = IdRange(account, int(numbers[0]), int(numbers[1]))
        if not found.count or found.end > _END_OF_IDS:
            raise FailedPrecondition(
                f"{name}: line {number}: {stripped[:64]!r} is no range of ids",
                hint=f"it needs one id at least, and none above {_END_OF_IDS - 1}",
            )
        result.append(found)
    return result


def ranges_of(ranges: Iterable[IdRange], accounts: Collection[str], name: str) -> list[IdRange]:
    """Return the ranges of an account, which is known by `accounts`, in their order.

    Raises:
        FailedPrecondition: two overlap, or one holds the host's root. `name` is the file's.
    """
    found = [one for one in ranges if one.account in accounts]
    before = None
    for one in sorted(found, key=lambda one: one.first):
        shown = f"{one.account}:{one.first}:{one.count}"
        if one.first == 0:
            raise FailedPrecondition(
                f"{name}: {shown} gives containers the host's root",
                hint="a range for containers begins at 100000 or above",
            )
        if before is not None and one.first < before.end:
            raise FailedPrecondition(f"{name}: {shown} overlaps another range of that account")
        before = one
    return found


def first_free(*files: Sequence[IdRange]) -> IdRange:
    """Return a range of 65536 ids that is free in all of the files; its account is empty.

    Raises:
        FailedPrecondition: there is none.
    """
    first = _FIRST
    for one in sorted((one for ranges in files for one in ranges), key=lambda one: one.first):
        if one.first < first + _COUNT and one.end > first:
            first = one.end
    if first + _COUNT > _END_OF_IDS:
        raise FailedPrecondition("/etc/subuid and /etc/subgid have no free range of 65536 ids")
    return IdRange("", first, _COUNT)
