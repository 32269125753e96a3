"""Why a step was taken from the cache, or why not: what is told by `build --why`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Change", "Verdict"]


@dataclass(frozen=True, slots=True)
class Change:
    """One input that differs from the nearest recorded entry.

    Attributes:
        kind: `instruction` (its text), `base` (the image or the step before), `argument` or
            `environment` (one variable), `file` (one file of a source), `mount`, `option`.
        subject: what it is called: the variable, the path of the file, the option.
        before, after: short texts, "" for absent.
    """

    kind: Literal["instruction", "base", "argument", "environment", "file", "mount", "option"]
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
