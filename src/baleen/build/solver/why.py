"""Why a step was taken from the cache, or why not: what is told by `build --why`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Change", "Verdict", "compare", "explain"]

Kind: TypeAlias = Literal["instruction", "base", "environment", "file", "mount", "option"]


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs from the nearest recorded entry.

    Attributes:
        kind: `instruction` (its text), `base` (the image or the step before: subject 0, or another
            tree), `environment` (one variable: ENV or ARG), `file` (one file of a source),
            `mount`, `option`.
        subject: what it is called: the variable, the path of the file, the option.
        before, after: "" for absent; of files and trees the beginnings of digests; `present` where
            the value itself is not told (it may be a secret).
    """

    kind: Kind
    subject: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the cache said about one vertex.

    Attributes:
        hit: it was found.
        source: where: `local`, or the importer's name (`registry:...`); "" for a miss.
        reason: one sentence: `no step like this was ever run`, `--no-cache`, ...
        nearest: description of the entry that was compared with, or "".
        changes: what differs from it; the first are the likely causes.
        more: how many changes are not listed.
    """

    hit: bool
    source: str = ""
    reason: str = ""
    nearest: str = ""
    changes: tuple[Change, ...] = ()
    more: int = 0


_ORDER = ("instruction", "base", "environment", "file", "mount", "option")
_LISTED = 20


def compare(
    wanted: Mapping[str, str], recorded: Mapping[str, str]
) -> tuple[tuple[Change, ...], int]:
    """Return what differs between the parts of two keys, and how many changes are not listed.

    Values of variables are not told, nor their digests, which could be guessed from.
    """
    changes: list[Change] = []
    for key in wanted.keys() | recorded.keys():
        before, after = recorded.get(key), wanted.get(key)
        if before == after:
            continue
        kind, _, subject = key.partition(":")
        changes.append(
            Change(
                kind=cast("Kind", kind),
                subject=subject,
                before=_text(kind, before),
                after=_text(kind, after),
            )
        )
    if any(change.kind == "file" for change in changes):
        # The files say it better.
        changes = [
            change for change in changes if not change.subject.startswith("contents of input")
        ]
    changes.sort(key=lambda change: (_ORDER.index(change.kind), change.subject))
    return tuple(changes[:_LISTED]), max(0, len(changes) - _LISTED)


_SHOWN = frozenset({"instruction", "option"})
_DIGESTS = frozenset({"base", "file"})
_DIGEST = 8


def _text(kind: str, value: str | None) -> str:
    if value is None:
        return ""
    if kind in _SHOWN:
        return value
    return value[:_DIGEST] if kind in _DIGESTS else "present"


def explain(
    wanted: Mapping[str, str], candidates: Iterable[tuple[str, Mapping[str, str]]]
) -> Verdict:
    """Return the verdict of a miss, against the nearest of `candidates` (description, parts)."""
    best: tuple[int, str, tuple[Change, ...], int] | None = None
    for description, recorded in candidates:
        if not recorded:
            continue
        changes, more = compare(wanted, recorded)
        if best is None or len(changes) + more < best[0]:
            best = (len(changes) + more, description, changes, more)
    if best is None:
        return Verdict(hit=False, reason="no step like this one is in the cache")
    _, description, changes, more = best
    if not changes:
        return Verdict(
            hit=False,
            reason="an equal step was recorded, but its result is not here any more",
            nearest=description,
        )
    return Verdict(
        hit=False,
        reason=f"{_sentence(changes[0])} changed",
        nearest=description,
        changes=changes,
        more=more,
    )


def _sentence(change: Change) -> str:
    match change.kind:
        case "instruction":
            return "the instruction"
        case "base":
            return "the image or step that it stands on" if change.subject == "0" else "a source"
        case "environment":
            return f"variable {change.subject}"
        case "file":
            return f"file {change.subject}"
        case _:
            return f"{change.kind} {change.subject}"
