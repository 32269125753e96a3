"""An error names the place and shows it; a misspelt word gets the nearest known one."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.errors import DockerfileError, excerpt, failure, quoted, suggestion
from baleen.build.dockerfile.instructions import Location
from baleen.build.dockerfile.parser import parse

SOURCE = "\n".join(f"line {number}" for number in range(1, 10))


def test_an_error_says_what_where_and_shows_the_lines():
    error = DockerfileError(
        "it failed", name="a/Dockerfile", source=SOURCE, location=Location(4, 4, 3)
    )
    assert error.summary == "it failed"
    assert error.details == {"file": "a/Dockerfile", "line": "4", "column": "3"}
    assert error.message == (
        "it failed\n"
        "a/Dockerfile:4:3\n"
        "--------------------\n"
        "   2 |     line 2\n"
        "   3 |     line 3\n"
        "   4 | >>> line 4\n"
        "   5 |     line 5\n"
        "   6 |     line 6\n"
        "--------------------"
    )


def test_several_lines_are_marked_with_one_around_them():
    assert excerpt(SOURCE, Location(1, 2)).split("\n")[1:-1] == [
        "   1 | >>> line 1",
        "   2 | >>> line 2",
        "   3 |     line 3",
    ]


def test_a_long_stretch_and_long_lines_are_cut():
    lines = excerpt("x" * 10_000 + "\n" + "y\n" * 5000, Location(1, 5000)).split("\n")
    assert len(lines) < 50
    assert "     | ..." in lines
    assert max(len(line) for line in lines) < 600


@pytest.mark.parametrize("location", [Location(0, 0), Location(10, 10)])
def test_no_excerpt_where_there_is_no_such_line(location):
    assert excerpt(SOURCE, location) == ""
    assert DockerfileError("x", name="n", source=SOURCE, location=location).message == "x"


def test_lowering_can_fail_at_an_instruction():
    dockerfile = parse("FROM a\nCOPY a /b\n", name="my.Dockerfile")
    error = failure("no such file", dockerfile, dockerfile.stages[0].instructions[0].location)
    assert error.message.startswith("no such file\nmy.Dockerfile:2:1\n----")
    assert "   2 | >>> COPY a /b" in error.message


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("chwn", " (did you mean chown?)"),
        ("chmo", " (did you mean chmod?)"),
        ("chown", ""),
        ("something", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_nearest_known_word_is_suggested(word, expected):
    assert suggestion(word, ["from", "chown", "chmod"]) == expected


@pytest.mark.parametrize(("word", "expected"), [("FRM", "FROM"), ("frm", "from"), ("Frm", "from")])
def test_a_suggestion_has_the_case_of_the_word(word, expected):
    assert suggestion(word, ["FROM", "RUN"], fold_case=True) == f" (did you mean {expected}?)"


def test_quoting_escapes_and_cuts():
    assert quoted('a"b\\\n\t') == '"a\\"b\\\\\\n\\t"'
    assert len(quoted("x" * 10_000)) < 600
