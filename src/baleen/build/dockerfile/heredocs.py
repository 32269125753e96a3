"""Here-documents: which words of a line open one, and what they say.

    <<NAME      the lines up to one that is just NAME
    <<-NAME     the same, with the tabs at the beginning of each line (and of NAME) taken off
    <<"NAME"    the same, and nothing in it is expanded
    3<<NAME     for file descriptor 3 of a RUN

A blank may stand between `<<` and a NAME that is a plain word.

See: Dockerfile reference, Here-Documents; POSIX shell, 2.7.4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from baleen.build.dockerfile.expansion import ExpansionError, Quotes, analyse

__all__ = ["Opening", "joined", "open_heredoc", "openings", "without_tabs"]

_OPENING = re.compile(r"([0-9]*)<<(-?)[ \t]*([^<]*)", re.DOTALL)
_BARE = re.compile(r"[0-9]*<<-?")
_PLAIN_NAME = re.compile(r"(['\"]?)[A-Za-z_][A-Za-z0-9_.-]*\1")
_TABS = re.compile("^\t+", re.MULTILINE)
_MAX_DESCRIPTOR = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Opening:
    """What a word says of the here-document that it opens."""

    name: str
    expand: bool
    strip_tabs: bool
    file_descriptor: int


def open_heredoc(word: str) -> Opening | None:
    """Return what the word opens, or None if it opens nothing.

    Raises ExpansionError if its quotes are not balanced.
    """
    found = _OPENING.fullmatch(word)
    if found is None or not found[3]:
        return None
    names = analyse(found[3], {}, keep_unset=True).words
    if len(names) != 1:
        return None
    raw = analyse(found[3], {}, quotes=Quotes.KEEP, keep_unset=True).words[0]
    descriptor = min(int(found[1][:12] or "0"), _MAX_DESCRIPTOR)
    return Opening(names[0], _quotes(raw) == _quotes(names[0]), bool(found[2]), descriptor)


def openings(line: str) -> tuple[Opening, ...]:
    """Return what the words of a line open, in order; none where its quotes are not balanced.

    Raises ExpansionError.
    """
    if "<<" not in line:
        return ()
    try:
        words = analyse(line, {}, quotes=Quotes.KEEP, keep_escapes=True, keep_unset=True).words
    except ExpansionError:
        return ()
    return tuple(opening for word in joined(words) if (opening := open_heredoc(word)) is not None)


def joined(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words, with a lone `<<` and a plain name after it made one word."""
    result: list[str] = []
    for word in words:
        if result and _BARE.fullmatch(result[-1]) and _PLAIN_NAME.fullmatch(word):
            result[-1] += word
        else:
            result.append(word)
    return tuple(result)


def without_tabs(content: str) -> str:
    """Return the content of a `<<-` here-document."""
    return _TABS.sub("", content)


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
