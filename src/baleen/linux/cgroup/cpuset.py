"""Lists of CPUs and memory nodes ("0-3,7"), as users, the kernel and OCI documents write them."""

from __future__ import annotations

import re

__all__ = ["MAX_CPU", "format_cpuset", "parse_cpuset"]

# The kernel's largest NR_CPUS is 8192; MAX_NUMNODES is smaller.
MAX_CPU = 8191
_LIST = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:,[0-9]{1,5}(?:-[0-9]{1,5})?)*", re.ASCII)
_MAX_TEXT = 4 * (MAX_CPU + 1)


def parse_cpuset(text: str, highest: int = MAX_CPU) -> frozenset[int]:
    """Returns the numbers in a list such as "0-3,7"; "" is the empty set.

    The work is bounded by `highest`, whatever the text claims. Strides and "N" of newer kernels are
    refused, as other engines do.

    Raises:
        ValueError: not the grammar, a range that runs backwards, or a number above `highest`.

    See: cpuset(7), List format.
    """
    if text == "":
        return frozenset()
    if len(text) > _MAX_TEXT or _LIST.fullmatch(text) is None:
        raise ValueError(f"{text[:64]!r} is not a list of numbers and ranges such as '0-3,7'")
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        first_text, dash, last_text = part.partition("-")
        first = int(first_text)
        last = int(last_text) if dash else first
        if last < first:
            raise ValueError(f"the range {part!r} runs backwards")
        if last > highest:
            raise ValueError(f"{last} is above the highest possible number, {highest}")
        ranges.append((first, last))
    # In order, each number is visited once: many wide overlapping ranges do not multiply the work.
    ranges.sort()
    result: list[int] = []
    following = 0
    for first, last in ranges:
        result.extend(range(max(first, following), last + 1))
        following = max(following, last + 1)
    return frozenset(result)


def format_cpuset(numbers: frozenset[int]) -> str:
    """Writes the shortest list: sorted, neighbours joined to ranges."""
    parts: list[str] = []
    start = previous = -2
    for number in [*sorted(numbers), -2]:
        if number == previous + 1:
            previous = number
            continue
        if start >= 0:
            parts.append(str(start) if start == previous else f"{start}-{previous}")
        start = previous = number
    return ",".join(parts)
