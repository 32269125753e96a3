"""A text becomes statements: directives, comments, continuation, here-documents, limits."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.errors import DockerfileError
from baleen.build.dockerfile.instructions import Heredoc, Location
from baleen.build.dockerfile.statements import read_statements


def texts(source):
    return [statement.text for statement in read_statements(source).statements]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("FROM a\nRUN b", ["FROM a", "RUN b"]),
        ("FROM a\r\nRUN b\r\n", ["FROM a", "RUN b"]),
        ("\ufeffFROM a", ["FROM a"]),
        (b"\xef\xbb\xbfFROM a", ["FROM a"]),
        ("\n\n  FROM a  \n\n", ["FROM a"]),
        ("# x\nFROM a # y\n  # z\nRUN b", ["FROM a # y", "RUN b"]),
        ("RUN a \\\n  b \\\n  c", ["RUN a   b   c"]),
        ("RUN a\\\nb", ["RUN ab"]),
        ("RUN a \\ \t\nb", ["RUN a b"]),
        ("RUN a \\\r\nb\r\n", ["RUN a b"]),
        ("RUN a \\\\\nRUN b", ["RUN a \\\\", "RUN b"]),
        ("RUN a \\\n# c\n   # d\nb", ["RUN a b"]),
        ("RUN a \\\n\n\nb", ["RUN a b"]),
        ("RUN a \\\n#c\\\nb", ["RUN a b"]),
        ("RUN a \\\n\\\nb", ["RUN a b"]),
        ("RUN a \\", ["RUN a"]),
        ("RUN a \\\n", ["RUN a"]),
        ("\\\nRUN a", ["RUN a"]),
        ("RUN echo \\# a\nRUN b", ["RUN echo \\# a", "RUN b"]),
        ("# escape=`\nRUN a `\nb \\\nRUN c", ["RUN a b \\", "RUN c"]),
    ],
)
def test_lines_are_joined_to_statements(source, expected):
    assert texts(source) == expected


@pytest.mark.parametrize(
    ("source", "escape", "syntax", "check"),
    [
        ("# escape=`\nRUN a", "`", "", ""),
        ("#escape = `\nRUN a", "`", "", ""),
        ("# ESCAPE=`\nRUN a", "`", "", ""),
        ("  # escape=`\nRUN a", "`", "", ""),
        (
            "# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all;error=true\nRUN a",
            "`",
            "docker/dockerfile:1",
            "skip=all;error=true",
        ),
        ("\n# escape=`\nRUN a", "\\", "", ""),
        ("# hello\n# escape=`\nRUN a", "\\", "", ""),
        ("# unknown=x\n# escape=`\nRUN a", "\\", "", ""),
        ("# escape=\nRUN a", "\\", "", ""),
        ("RUN a\n# escape=`\nRUN b", "\\", "", ""),
        ("# escape=`\r\nRUN a", "`", "", ""),
    ],
)
def test_directives_are_read_at_the_beginning_only(source, escape, syntax, check):
    found = read_statements(source)
    assert (found.escape, found.syntax, found.check) == (escape, syntax, check)


def test_places_are_lines_and_columns():
    source = "\n  RUN a \\\n # x\n  b\nRUN <<E\nE\nRUN c"
    locations = [statement.location for statement in read_statements(source).statements]
    assert locations == [Location(2, 4, 3), Location(5, 5, 1), Location(7, 7, 1)]


def test_comments_belong_to_the_instruction_directly_below():
    source = "# syntax=x\n# a\n# b\nRUN 1\nRUN 2\n# c\n\nRUN 3\n# d\n#\n# e\nRUN 4"
    comments = [statement.comments for statement in read_statements(source).statements]
    assert comments == [("a", "b"), (), (), ("e",)]


def test_blank_continuation_lines_are_told():
    assert read_statements("RUN a \\\n\n b").empty_continuations == ((Location(1, 3), "RUN a  b"),)
    assert read_statements("RUN a \\\n# c\n b").empty_continuations == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("RUN <<A\nx\n\ty\nA\nRUN b", [Heredoc("A", "x\n\ty\n", expand=True)]),
        ("RUN <<-A\n\tx\n\t\ty\n\tA\nRUN b", [Heredoc("A", "x\ny\n", expand=True)]),
        ("run <<'A'\n# x\\\nA\nRUN b", [Heredoc("A", "# x\\\n", expand=False)]),
        (
            "COPY <<A <<B /x\n1\nA\n2\nB\nRUN b",
            [Heredoc("A", "1\n", expand=True), Heredoc("B", "2\n", expand=True)],
        ),
        ("ADD <<A /x\r\n1\r\nA\r\nRUN b", [Heredoc("A", "1\r\n", expand=True)]),
        ("ONBUILD COPY <<A /x\n1\nA\nRUN b", [Heredoc("A", "1\n", expand=True)]),
        ("RUN 3<<A cat\nA\nRUN b", [Heredoc("A", "", expand=True, file_descriptor=3)]),
        ("RUN x \\\n <<A\n1\nA\nRUN b", [Heredoc("A", "1\n", expand=True)]),
        ("RUN <<A\n A\nA \nA\nRUN b", [Heredoc("A", " A\nA \n", expand=True)]),
        ("RUN cat << A\n1\nA\nRUN b", [Heredoc("A", "1\n", expand=True)]),
    ],
)
def test_heredocs_are_read(source, expected):
    first, second = read_statements(source).statements
    assert list(first.heredocs) == expected
    assert second.text == "RUN b"


@pytest.mark.parametrize("source", ["CMD <<A\nRUN b", 'RUN ["<<A"]\nRUN b', "ENV a=<<A\nRUN b"])
def test_other_instructions_and_json_open_no_heredoc(source):
    assert len(read_statements(source).statements) == 2


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("\n", 1, "file with no instructions"),
        ("# x\n\n# y", 3, "file with no instructions"),
        ("\ufeff", 1, "file with no instructions"),
        ("RUN a\nRUN <<A\nb", 2, "unterminated heredoc"),
        ("# escape=x\nRUN a", 1, "invalid escape token 'x' does not match ` or \\"),
        ("# escape=`\n# Escape=`\nRUN a", 2, "only one escape parser directive can be used"),
        ("RUN a\nRUN b\0", 2, "the line has a NUL; the file must be UTF-8 text"),
        ("RUN a\n" + "b" * 65_536, 2, "dockerfile line greater than max allowed size of 65535"),
        ("RUN a\n" * 10_001, 10_001, "more than 10000 instructions"),
        ("RUN" + " <<A" * 101, 1, "more than 100 heredocs in one instruction"),
        ("RUN a\nCOPY [1] <<A", 2, None),
    ],
)
def test_malformed_texts_are_errors_that_name_the_line(source, line, message):
    if message is None:
        assert len(read_statements(source + "\nA").statements) == 2
        return
    with pytest.raises(DockerfileError) as raised:
        read_statements(source)
    assert raised.value.location.line == line
    assert raised.value.summary == f"dockerfile parse error on line {line}: {message}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "the Dockerfile (x) cannot be empty"),
        (b"", "the Dockerfile (x) cannot be empty"),
        ("a" * (1 << 20) + "b", "the Dockerfile (x) has more than 1048576 bytes"),
    ],
)
def test_empty_and_too_large_texts_are_errors(source, message):
    with pytest.raises(DockerfileError) as raised:
        read_statements(source, name="x")
    assert raised.value.message == message


def test_what_is_not_utf_8_is_replaced():
    assert read_statements(b"RUN \xff").statements[0].rest == "\ufffd"
    assert read_statements("RUN \ud800").statements[0].rest in ("\ufffd", "\ufffd\ufffd\ufffd")
