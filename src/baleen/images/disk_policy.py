"""Which images go when the disk gets full: one policy, and a plan that gives its reasons.

An image is a *candidate* when no container was made from it (stopped ones count) and it was not
used for as long as the policy says; to use it is to make a container from it, to pull, load, build
or tag it. Candidates go in the order of their last use, dangling ones first, until as much is free
as the policy wants; without such a wish all of them go.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from baleen.api.timestamps import format_rfc3339_nano
from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from baleen.content.store import ContentStore
    from baleen.images.catalog import Catalog, Entry
    from baleen.oci.digest import Digest

__all__ = ["Plan", "Policy", "Verdict", "make_plan", "parse_age", "parse_free"]

_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SHARE = re.compile(r"([0-9]{1,2})%")


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants; all zero: nothing is ever removed.

    Attributes:
        keep_free_bytes: of the data root's file system; 0: as far as free space goes, anything.
        keep_free_percent: the same as a share, of 100; the larger wish counts.
        unused_for_s: seconds since the last use before an image may go.
    """

    keep_free_bytes: int = 0
    keep_free_percent: int = 0
    unused_for_s: int = 0

    @property
    def is_on(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.keep_free_bytes or self.keep_free_percent or self.unused_for_s)

    def goal(self, size_bytes: int) -> int | None:
        """Return the free bytes that a file system of that size is to have, None: no matter."""
        if not self.keep_free_bytes and not self.keep_free_percent:
            return None
        return max(self.keep_free_bytes, size_bytes * self.keep_free_percent // 100)


def parse_age(text: str) -> int:
    """Return the seconds in `90s`, `30m`, `12h`, `7d` or `2w`; raises InvalidArgument."""
    match = _AGE.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"invalid age {text[:64]!r}: want a number and s, m, h, d or w")
    return int(match[1]) * _AGE_UNITS[match[2]]


def parse_free(text: str, parse_size: Callable[[str], int]) -> tuple[int, int]:
    """Return bytes and percent of `20GB` or `15%`, one of them 0; raises InvalidArgument."""
    match = _SHARE.fullmatch(text)
    if match is not None:
        return 0, int(match[1])
    return parse_size(text), 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one image, and why.

    Attributes:
        freed_bytes: what its removal frees, once those before it in the plan are gone.
    """

    image_id: Digest
    names: tuple[str, ...]
    last_used_ns: int
    freed_bytes: int
    why: str

    def view(self) -> dict[str, Any]:
        """Return it for the API."""
        return {
            "Id": str(self.image_id),
            "Names": list(self.names),
            "LastUsed": format_rfc3339_nano(self.last_used_ns) if self.last_used_ns else "",
            "Frees": self.freed_bytes,
            "Why": self.why,
        }


@dataclass(slots=True)
class Plan:
    """What to remove, in this order, and what stays.

    Attributes:
        why: about the whole: what starts or stops it.
    """

    why: str = ""
    remove: list[Verdict] = field(default_factory=list)
    keep: list[Verdict] = field(default_factory=list)

    @property
    def freed_bytes(self) -> int:
        """What all of it frees."""
        return sum(verdict.freed_bytes for verdict in self.remove)


class _Sizes:
    """Bytes that go with an image, as others go before it."""

    def __init__(self, catalog: Catalog, content: ContentStore, entries: list[Entry]) -> None:
        self._content = content
        self._layers = catalog.layer_sizes()
        self._users = Counter(part for entry in entries for part in _parts(entry))

    def alone(self, entry: Entry) -> int:
        """Return the bytes that only this image has of those that are left."""
        blobs = set(entry.facts.blobs())
        return sum(
            self._content.size(blob) or 0 for blob in blobs if self._users["blob", blob] == 1
        ) + sum(
            self._layers.get(chain, 0)
            for chain in entry.facts.chain_ids
            if self._users["layer", chain] == 1
        )

    def remove(self, entry: Entry) -> None:
        self._users.subtract(_parts(entry))


def _parts(entry: Entry) -> set[tuple[str, Digest]]:
    blobs = {("blob", digest) for digest in entry.facts.blobs()}
    return blobs | {("layer", chain_id) for chain_id in entry.facts.chain_ids}


def make_plan(
    catalog: Catalog,
    content: ContentStore,
    policy: Policy,
    *,
    free_bytes: int,
    size_bytes: int,
    now_ns: int,
    last_used: Callable[[Digest], int],
    users: Mapping[str, int],
) -> Plan:
    """Decide about every image; changes nothing.

    Args:
        catalog: names and facts.
        content: sizes of blobs.
        policy: what is wanted.
        free_bytes: what the file system has free now.
        size_bytes: of the whole file system.
        now_ns: nanoseconds since the epoch.
        last_used: when an image was last used, nanoseconds.
        users: number of containers by image id.
    """
    plan = Plan()
    entries = catalog.entries()
    sizes = _Sizes(catalog, content, entries)
    goal = policy.goal(size_bytes)
    missing = None if goal is None else goal - free_bytes
    plan.why = _reason(policy, goal, free_bytes)
    rows = [(bool(e.repo_digests), last_used(e.facts.target.digest), e) for e in entries]
    for _, used_ns, entry in sorted(rows, key=lambda row: row[:2]):
        age_s = max(0, now_ns - used_ns) // 1_000_000_000
        count = users.get(entry.facts.target.digest, 0)
        freed = sizes.alone(entry)
        if count:
            made = "container was" if count == 1 else "containers were"
            why, goes = f"{count} {made} made from it", False
        elif not policy.is_on:
            why, goes = "there is no policy", False
        elif age_s < policy.unused_for_s:
            why, goes = (
                f"used {_ago(age_s)} ago, the policy waits for {_ago(policy.unused_for_s)}",
                False,
            )
        elif missing is not None and plan.freed_bytes >= missing:
            why, goes = "enough is free without it", False
        else:
            why, goes = f"no container uses it, last used {_ago(age_s)} ago", True
        name = entry.repo_tags or entry.repo_digests
        verdict = Verdict(entry.facts.target.digest, name, used_ns, freed, why)
        (plan.remove if goes else plan.keep).append(verdict)
        if goes:
            sizes.remove(entry)
    return plan


def _reason(policy: Policy, goal: int | None, free_bytes: int) -> str:
    if not policy.is_on:
        return "no policy is set: nothing is removed"
    if goal is None:
        return f"images that were not used for {_ago(policy.unused_for_s)} are removed"
    if free_bytes >= goal:
        return f"{free_bytes} bytes are free, {goal} are wanted: nothing is removed"
    return f"{free_bytes} bytes are free, {goal} are wanted: unused images are removed until then"


def _ago(seconds: int) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"
