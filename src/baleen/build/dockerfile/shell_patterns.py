r"""`*` and `?` patterns over the values of variables: `${v#p}`, `${v%p}`, `${v/p/r}`.

    *   any characters        \*  \?  \\   that character itself
    ?   one character         \}  \/       the same, needed to write it within ${...}

A pattern is a row of pieces with stars between them. What a star may swallow is never tried out:
the first piece that follows is as good as any later one, and only the last one may have to be the
last there is. So every operation takes time proportional to the value's length.

See: Dockerfile reference, Environment replacement; POSIX shell, 2.13.
"""

from __future__ import annotations

import re

from baleen.errors import InvalidArgument

__all__ = ["ShellPattern"]

MAX_PATTERN = 1024


class ShellPattern:
    """A parsed pattern; raises InvalidArgument where an escape has no meaning."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise InvalidArgument(f"longer than {MAX_PATTERN} characters")
        self._pieces: list[list[str]] = [[]]  # "" stands for "?"
        position = 0
        while position < len(text):
            character = text[position]
            position += 1
            if character == "*":
                self._pieces.append([])
                continue
            if character == "\\":
                character = text[position : position + 1]
                position += 1
                if character not in ("}", "/", "*", "?", "\\"):
                    raise InvalidArgument(f"invalid escape '\\{character}'")
            elif character == "?":
                character = ""
            self._pieces[-1].append(character)

    def without_prefix(self, value: str, *, longest: bool) -> str:
        """Return `value` without the shortest or longest beginning that matches."""
        end = _Finder(self._pieces).match_end(value, 0, longest=longest)
        return value if end is None else value[end:]

    def without_suffix(self, value: str, *, longest: bool) -> str:
        """Return `value` without the shortest or longest ending that matches."""
        backwards = [piece[::-1] for piece in reversed(self._pieces)]
        end = _Finder(backwards).match_end(value[::-1], 0, longest=longest)
        return value if end is None else value[: len(value) - end]

    def replaced(self, value: str, replacement: str, *, everywhere: bool) -> str:
        """Return `value` with the first, or every, longest match replaced."""
        finder = _Finder(self._pieces)
        parts: list[str] = []
        position = 0
        while position <= len(value):
            begin = finder.first_begin(value, position)
            end = None if begin is None else finder.match_end(value, begin, longest=True)
            if begin is None or end is None:
                break
            if begin == end:  # matched nothing: go on behind the next character
                parts += [value[position:begin], replacement, value[begin : begin + 1]]
                position = begin + 1
            else:
                parts += [value[position:begin], replacement]
                position = end
                if end == len(value):
                    break
            if not everywhere:
                break
        return "".join(parts) + value[position:]


class _Finder:
    """Finds the pieces of a pattern in a value."""

    def __init__(self, pieces: list[list[str]]) -> None:
        self._first, *self._middle = [_expression(piece) for piece in pieces]
        self._last_backwards = _expression(pieces[-1][::-1])

    def first_begin(self, value: str, position: int) -> int | None:
        """Return where the first piece is next found."""
        found = self._first.search(value, position)
        return None if found is None else found.start()

    def match_end(self, value: str, position: int, *, longest: bool) -> int | None:
        """Return the end of the shortest or longest match that begins at `position`."""
        found = self._first.match(value, position)
        if found is None:
            return None
        if not self._middle:
            return found.end()
        *middle, last = self._middle
        for piece in middle:
            found = piece.search(value, found.end())
            if found is None:
                return None
        if not longest:
            found = last.search(value, found.end())
            return None if found is None else found.end()
        backwards = self._last_backwards.search(
            value[: found.end() - 1 if found.end() else None : -1]
        )
        return None if backwards is None else len(value) - backwards.start()


def _expression(piece: list[str]) -> re.Pattern[str]:
    return re.compile("".join(re.escape(one) if one else "." for one in piece), re.DOTALL)
