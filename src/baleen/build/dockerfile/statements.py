"""A Dockerfile's text as statements: directives, comments, continuation lines, here-documents.

A statement is one instruction with its continuation lines joined and the here-documents that
follow it. What its words mean is `parser`'s.

Limits: a text of 1 MiB, lines of 65,535 characters (as Docker), 10,000 statements, 100
here-documents in one, and no NUL.

See: Dockerfile reference, Format and Parser directives; BuildKit, `frontend/dockerfile/parser`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.heredocs import openings, without_tabs
from baleen.build.dockerfile.instructions import Heredoc, Location
from baleen.build.dockerfile.words import SPACES, split_keyword, string_array
from baleen.errors import InvalidArgument

__all__ = ["Source", "Statement", "problem", "read_statements"]

MAX_SIZE = 1 << 20
MAX_LINE = 65_535
MAX_STATEMENTS = 10_000
MAX_HEREDOCS = 100

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_DIRECTIVE_NAME = re.compile("[a-zA-Z][a-zA-Z0-9]*")
_DIRECTIVES = frozenset({"escape", "syntax", "check"})
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One instruction as it stands there.

    Attributes:
        keyword: its name, as written.
        flags: its leading `--` words, unquoted.
        rest: what follows them.
        text: all of it on one line.
        location: its lines, without those of here-documents' contents.
        comments: the comment lines directly above.
        heredocs: those that its words open, in order; their tabs are taken off already.
    """

    keyword: str
    flags: tuple[str, ...]
    rest: str
    text: str
    location: Location
    comments: tuple[str, ...]
    heredocs: tuple[Heredoc, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """The statements of a text, and what its directives say ("" where there is none)."""

    text: str
    name: str
    statements: tuple[Statement, ...]
    escape: str
    syntax: str
    check: str
    empty_continuations: tuple[tuple[Location, str], ...]


def read_statements(text: str | bytes, *, name: str = "Dockerfile") -> Source:
    """Return the statements of a text; raises DockerfileError.

    Bytes that are not UTF-8 become U+FFFD.
    """
    if len(text) > MAX_SIZE:
        raise _unreadable(name, f"has more than {MAX_SIZE} bytes")
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    else:
        text = text.encode(errors="surrogatepass").decode(errors="replace")
    if not text:
        raise _unreadable(name, "cannot be empty")
    return _Reader(text.removeprefix(_BOM), name).read()


def _unreadable(name: str, why: str) -> DockerfileError:
    where = Location(1, 1)
    return DockerfileError(f"the Dockerfile ({name}) {why}", name=name, source="", location=where)


def problem(source: str, name: str, location: Location, message: str) -> DockerfileError:
    """Return an error about the statement at `location`, in Docker's words."""
    summary = f"dockerfile parse error on line {location.line}: {message}"
    return DockerfileError(summary, name=name, source=source, location=location)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._lines = text.split("\n")
        if not self._lines[-1]:
            self._lines.pop()
        self._next = 0  # index of the line to be read
        self._directives: dict[str, str] = {}
        self._escape = "\\"
        self._statements: list[Statement] = []
        self._empty: list[tuple[Location, str]] = []
        self._comments: list[str] = []

    def read(self) -> Source:
        self._check_lines()
        self._read_directives()
        while self._next < len(self._lines):
            line = self._lines[self._next].lstrip(SPACES)
            if line.startswith("#"):
                self._note_comment(line[1:].strip(SPACES))
                self._next += 1
            elif not line:
                self._comments.clear()
                self._next += 1
            else:
                self._read_statement()
        if not self._statements:
            raise self._problem(max(len(self._lines), 1), "file with no instructions")
        return Source(
            self._text,
            self._name,
            tuple(self._statements),
            self._escape,
            self._directives.get("syntax", ""),
            self._directives.get("check", ""),
            tuple(self._empty),
        )

    def _check_lines(self) -> None:
        for number, line in enumerate(self._lines, 1):
            if len(line) > MAX_LINE:
                raise self._problem(
                    number, f"dockerfile line greater than max allowed size of {MAX_LINE}"
                )
            if "\0" in line:
                raise self._problem(number, "the line has a NUL; the file must be UTF-8 text")

    def _read_directives(self) -> None:
        """Read the `# name=value` lines at the very beginning."""
        while self._next < len(self._lines):
            line = self._lines[self._next].lstrip(SPACES)
            name, equals, value = line[1:].partition("=")
            key, value = name.strip(SPACES).lower(), value.strip(SPACES)
            if not (
                line.startswith("#")
                and equals
                and value
                and _DIRECTIVE_NAME.fullmatch(key)
                and key in _DIRECTIVES
            ):
                return
            if key in self._directives:
                raise self._problem(self._next + 1, f"only one {key} parser directive can be used")
            if key == "escape":
                if value not in ("\\", "`"):
                    raise self._problem(
                        self._next + 1,
                        f"invalid escape token '{value}' does not match ` or \\",
                    )
                self._escape = value
            self._directives[key] = value
            self._next += 1

    def _note_comment(self, comment: str) -> None:
        if comment:
            self._comments.append(comment)
        else:
            self._comments.clear()

    def _read_statement(self) -> None:
        begin = self._next
        line = self._lines[begin]
        column = len(line) - len(line.lstrip(SPACES)) + 1
        text, has_empty_line = self._joined_lines()
        location = Location(begin + 1, self._next, column)
        stripped = text.strip(SPACES)
        if has_empty_line:
            self._empty.append((location, stripped))
        if len(self._statements) == MAX_STATEMENTS:
            raise self._located(location, f"more than {MAX_STATEMENTS} instructions")
        keyword, flags, rest = split_keyword(stripped, self._escape)
        try:
            heredocs = self._read_heredocs(keyword, rest, stripped)
        except InvalidArgument as err:
            raise self._located(location, err.message) from None
        comments, self._comments = tuple(self._comments), []
        self._statements.append(
            Statement(keyword, flags, rest, stripped, location, comments, heredocs)
        )

    def _joined_lines(self) -> tuple[str, bool]:
        """Return the next line with those that continue it, and whether one of them is blank."""
        line = self._lines[self._next].rstrip("\r").lstrip(SPACES)
        self._next += 1
        parts: list[str] = []
        has_empty_line = False
        while True:
            part, goes_on = self._continued(line)
            parts.append(part)
            while goes_on and self._next < len(self._lines):
                line = self._lines[self._next].rstrip("\r")
                self._next += 1
                begin = line.lstrip(SPACES)
                if begin and not begin.startswith("#"):
                    break
                has_empty_line = has_empty_line or not begin
            else:
                return "".join(parts), has_empty_line

    def _continued(self, line: str) -> tuple[str, bool]:
        """Return the line without the escape at its end, and whether there was one.

        Two escapes at the end are none.
        """
        bare = line.rstrip(" \t")
        if not bare.endswith(self._escape) or bare.endswith(self._escape * 2):
            return line, False
        return bare[:-1], True

    def _read_heredocs(self, keyword: str, rest: str, text: str) -> tuple[Heredoc, ...]:
        if "<<" not in rest:
            return ()
        word = keyword.upper()
        if word == "ONBUILD":
            word, _, rest = split_keyword(rest, self._escape)
        if word.upper() not in _WITH_HEREDOCS or string_array(rest) is not None:
            return ()
        found = openings(text)
        if len(found) > MAX_HEREDOCS:
            raise InvalidArgument(f"more than {MAX_HEREDOCS} heredocs in one instruction")
        return tuple(
            Heredoc(
                one.name,
                self._heredoc_content(one.name, strip_tabs=one.strip_tabs),
                one.expand,
                one.file_descriptor,
            )
            for one in found
        )

    def _heredoc_content(self, name: str, *, strip_tabs: bool) -> str:
        begin = self._next
        while self._next < len(self._lines):
            line = self._lines[self._next].rstrip("\r")
            self._next += 1
            if (line.lstrip("\t") if strip_tabs else line) == name:
                content = "".join(f"{one}\n" for one in self._lines[begin : self._next - 1])
                return without_tabs(content) if strip_tabs else content
        self._next = begin
        raise InvalidArgument("unterminated heredoc")

    def _problem(self, line: int, message: str) -> DockerfileError:
        return self._located(Location(line, line), message)

    def _located(self, location: Location, message: str) -> DockerfileError:
        return problem(self._text, self._name, location, message)
