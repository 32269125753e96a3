"""Retention: which tags and untagged manifests may go.

Of each tag, the first rule whose patterns match its repository and its name decides:

    keep: 5              the 5 newest of the rule's tags stay, the others go
    age: 720h            those go that were last pushed longer ago
    keep: 5, age: 720h   the 5 newest stay whatever their age; of the others, the older ones go
    untagged: true       manifests go that no tag, no index, and no subject that is there keeps,
                         once they are older than `age`, or than the grace period without one

Blobs follow by collection (see `garbage`). What is moved or pushed anew between plan and removal
stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from baleen.registry.access import ANYBODY
from baleen.registry.configuration import seconds
from baleen.registry.events import Event, EventAction
from baleen.registry.metadata import retention as records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from baleen.registry.contents import Contents
    from baleen.registry.events import EventSink
    from baleen.registry.metadata.retention import Tagged, Untagged
    from baleen.registry.settings import RetentionRule

__all__ = ["Removal", "choose_tags", "retain"]

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that goes, and why; `tag` is empty for a manifest."""

    repository: str
    tag: str
    digest: str
    reason: str

    def __str__(self) -> str:
        target = f":{self.tag}" if self.tag else f"@{self.digest}"
        return f"{self.repository}{target} ({self.reason})"


async def retain(
    contents: Contents,
    rules: Sequence[RetentionRule],
    events: EventSink,
    *,
    dry_run: bool = False,
) -> list[Removal]:
    """Apply `rules` once, or say what they would remove."""
    removals: list[Removal] = []
    last = ""
    while names := await contents.repositories(last, _PAGE):
        for name in names:
            if any(fnmatchcase(name, rule.repositories) for rule in rules):
                removals += await _retain_in(contents, name, rules, events, dry_run=dry_run)
        last = names[-1]
    return removals


async def _retain_in(
    contents: Contents,
    repository: str,
    rules: Sequence[RetentionRule],
    events: EventSink,
    *,
    dry_run: bool,
) -> list[Removal]:
    now = contents.clock()
    tags = await contents.database.read(lambda tx: records.tags_by_age(tx, repository))
    chosen = choose_tags(repository, tags, rules, now)
    removals: list[Removal] = []
    for tagged, reason in chosen:
        if dry_run or await contents.database.write(
            partial(records.remove_tag_as_seen, repository=repository, tagged=tagged)
        ):
            removals.append(Removal(repository, tagged.name, tagged.digest, reason))
    removals += await _retain_untagged(
        contents, repository, rules, {tagged.name for tagged, _ in chosen}, dry_run=dry_run
    )
    if not dry_run:
        for removal in removals:
            _tell(events, removal)
    return removals


def choose_tags(
    repository: str, tags: Iterable[Tagged], rules: Sequence[RetentionRule], now: float
) -> list[tuple[Tagged, str]]:
    """Return the tags that go, with the reason; `tags` are newest first."""
    counts = [0] * len(rules)
    chosen: list[tuple[Tagged, str]] = []
    for tagged in tags:
        for number, rule in enumerate(rules):
            if not fnmatchcase(repository, rule.repositories):
                continue
            if (rule.keep is None and not rule.age) or not fnmatchcase(tagged.name, rule.tags):
                continue
            counts[number] += 1
            if reason := _reason(rule, counts[number], tagged, now):
                chosen.append((tagged, reason))
            break
    return chosen


def _reason(rule: RetentionRule, place: int, tagged: Tagged, now: float) -> str:
    """Why the tag goes that is `place`th newest of its rule's, or an empty string."""
    if rule.keep is not None and place <= rule.keep:
        return ""
    if rule.age and tagged.updated > now - seconds(rule.age, "retention.rules.age"):
        return ""
    reasons = []
    if rule.keep is not None:
        reasons.append(f"more than {rule.keep} newer tags match {rule.tags}")
    if rule.age:
        reasons.append(f"older than {rule.age}")
    return ", ".join(reasons)


async def _retain_untagged(
    contents: Contents,
    repository: str,
    rules: Sequence[RetentionRule],
    gone: set[str],
    *,
    dry_run: bool,
) -> list[Removal]:
    rule = next(
        (rule for rule in rules if rule.untagged and fnmatchcase(repository, rule.repositories)),
        None,
    )
    if rule is None:
        return []
    age = seconds(rule.age, "retention.rules.age") if rule.age else contents.grace_s
    before = contents.clock() - age
    removals: list[Removal] = []
    seen: set[str] = set()
    # An index that goes may leave manifests that nothing keeps any more: look again.
    while True:
        found: list[Untagged] = await contents.database.read(
            lambda tx: records.untagged(tx, repository, before, gone, seen)
        )
        if not found:
            return removals
        for manifest in found:
            seen.add(manifest.digest)
            if dry_run or await contents.database.write(
                partial(
                    records.remove_untagged,
                    repository=repository,
                    manifest=manifest,
                    now=contents.clock(),
                )
            ):
                removals.append(
                    Removal(repository, "", manifest.digest, "no tag, index or subject keeps it")
                )


def _tell(events: EventSink, removal: Removal) -> None:
    digest = "" if removal.tag else removal.digest
    events.emit(
        Event(EventAction.DELETE, removal.repository, digest, "", 0, removal.tag, "", ANYBODY, None)
    )
