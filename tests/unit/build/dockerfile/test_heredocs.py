"""Which words open a here-document, and with what name."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.expansion import ExpansionError
from baleen.build.dockerfile.heredocs import Opening, joined, open_heredoc, openings, without_tabs


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("<<EOF", Opening("EOF", expand=True, strip_tabs=False, file_descriptor=0)),
        ("<<-EOF", Opening("EOF", expand=True, strip_tabs=True, file_descriptor=0)),
        ("<<'EOF'", Opening("EOF", expand=False, strip_tabs=False, file_descriptor=0)),
        ('<<"E F"', Opening("E F", expand=False, strip_tabs=False, file_descriptor=0)),
        ('<<E"O"F', Opening("EOF", expand=False, strip_tabs=False, file_descriptor=0)),
        (r"<<\EOF", Opening("EOF", expand=True, strip_tabs=False, file_descriptor=0)),
        ("3<<EOF", Opening("EOF", expand=True, strip_tabs=False, file_descriptor=3)),
        ("<< EOF", Opening("EOF", expand=True, strip_tabs=False, file_descriptor=0)),
        ("<<$EOF", Opening("$EOF", expand=True, strip_tabs=False, file_descriptor=0)),
        ("9" * 400 + "<<A", Opening("A", expand=True, strip_tabs=False, file_descriptor=2**31 - 1)),
        ("<<", None),
        ("<<-", None),
        ("<<<EOF", None),
        ("<<E F", None),
        ('<<""', None),
        ("<EOF", None),
        ("a<<EOF", None),
        ("EOF", None),
    ],
)
def test_a_word_opens_a_heredoc_or_not(word, expected):
    assert open_heredoc(word) == expected


def test_a_name_with_unbalanced_quotes_is_an_error():
    with pytest.raises(ExpansionError):
        open_heredoc("<<'EOF")


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("RUN cat <<A <<-B x 3<<'C'", ["A", "B", "C"]),
        ("RUN cat << A >/x", ["A"]),
        ("RUN cat <<- 'A' >/x", ["A"]),
        ("RUN echo $((1 << 3))", []),
        ("RUN echo '<<A'", []),
        ("RUN echo it's <<A", []),
        ("RUN echo \\<<A", []),
        ("RUN echo <<A\\ B", ["A B"]),
        ("RUN true", []),
    ],
)
def test_the_words_of_a_line_open_heredocs_in_order(line, names):
    assert [opening.name for opening in openings(line)] == names


def test_a_lone_opening_is_joined_with_a_plain_name_only():
    assert joined(("a", "<<", "EOF", "<<-", "3", "b")) == ("a", "<<EOF", "<<-", "3", "b")


def test_tabs_are_taken_off_each_line():
    assert without_tabs("\t\ta\n\tb\tc\n  d\n\n\te") == "a\nb\tc\n  d\n\ne"
