"""What is wrong with a Dockerfile, in Docker's words, and where.

    dockerfile parse error on line 3: unknown instruction: FRM (did you mean FROM?)
    Dockerfile:3:1
    --------------------
       1 |     ARG TAG
       2 |
       3 | >>> FRM debian:$TAG
       4 |     RUN true
    --------------------

See: BuildKit, `solver/errdefs` (the excerpt), `util/suggest`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baleen.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection

    from baleen.build.dockerfile.instructions import Dockerfile, Location

__all__ = ["DockerfileError", "excerpt", "failure", "quoted", "suggestion"]

_RULER = "-" * 20
_MAX_LINES = 40
_MAX_WIDTH = 500
_MAX_DISTANCE = 2
_MAX_WORD = 64
_MAX_KNOWN = 300


class DockerfileError(InvalidArgument):
    """The Dockerfile is malformed, or asks for something that cannot be.

    Attributes:
        summary: one line, as Docker says it.
        name: the file's name.
        location: the lines it is about.
        excerpt: these lines and some around them, marked.
    """

    def __init__(self, summary: str, *, name: str, source: str, location: Location) -> None:
        self.summary = summary
        self.name = name
        self.location = location
        self.excerpt = excerpt(source, location)
        where = f"{name}:{location.line}:{location.column}"
        message = f"{summary}\n{where}\n{self.excerpt}" if self.excerpt else summary
        details = {"file": name, "line": str(location.line), "column": str(location.column)}
        super().__init__(message, details=details)


def failure(message: str, dockerfile: Dockerfile, location: Location) -> DockerfileError:
    """Return the error `message` about the lines at `location`."""
    return DockerfileError(
        message, name=dockerfile.name, source=dockerfile.source, location=location
    )


def excerpt(source: str, location: Location) -> str:
    """Return the lines at `location` marked with `>>>`, with one or two around them.

    Empty if there are no such lines. A long stretch is cut in its middle.
    """
    lines = source.split("\n")
    if not source or not 1 <= location.line <= len(lines):
        return ""
    last = min(max(location.end_line, location.line), len(lines))
    around = 2 if last == location.line else 1
    begin, end = max(location.line - around, 1), min(last + around, len(lines))
    numbers: list[int | None] = list(range(begin, end + 1))
    if len(numbers) > _MAX_LINES:
        numbers[_MAX_LINES // 2 : -_MAX_LINES // 2] = [None]
    shown = [_RULER]
    for number in numbers:
        if number is None:
            shown.append("     | ...")
            continue
        mark = ">>>" if location.line <= number <= last else "   "
        text = lines[number - 1].rstrip("\r")
        if len(text) > _MAX_WIDTH:
            text = text[:_MAX_WIDTH] + "..."
        shown.append(f" {number:3d} | {mark} {text}".rstrip())
    shown.append(_RULER)
    return "\n".join(shown)


def suggestion(word: str, known: Collection[str], *, fold_case: bool = False) -> str:
    """Return ` (did you mean X?)` for the known word nearest to `word`, or "".

    With `fold_case`, case is ignored and the answer is in the case of `word`.

    See: BuildKit, `util/suggest`.
    """
    wanted = word.lower() if fold_case else word
    if len(wanted) > _MAX_WORD or len(known) > _MAX_KNOWN:
        return ""
    best, nearest = (_MAX_DISTANCE + 1, False), ""
    for one in sorted(known):
        option = one.lower() if fold_case else one
        if option == wanted:
            return ""
        # Of two words as near, the one with the same letters was meant.
        distance = (_distance(wanted, option), sorted(wanted) != sorted(option))
        if distance < best:
            best, nearest = distance, option
    if not word or not nearest:
        return ""
    if fold_case and word == word.upper():
        nearest = nearest.upper()
    return f" (did you mean {nearest}?)"


def quoted(text: str) -> str:
    r"""Return `text` in double quotes with escapes, as Go's `%q`, cut where it is long."""
    if len(text) > _MAX_WIDTH:
        text = text[:_MAX_WIDTH] + "..."
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.replace("\t", "\\t").replace("\r", "\\r") + '"'


def _distance(left: str, right: str) -> int:
    """Return the number of edits from one to the other; beyond the interesting ones, too many."""
    if abs(len(left) - len(right)) > _MAX_DISTANCE:
        return _MAX_DISTANCE + 1
    row = list(range(len(right) + 1))
    for index, character in enumerate(left, 1):
        previous, row[0] = row[0], index
        for column, other in enumerate(right, 1):
            changed = previous + (character != other)
            previous = row[column]
            row[column] = min(row[column] + 1, row[column - 1] + 1, changed)
    return row[-1]
