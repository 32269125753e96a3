from __future__ import annotations

import time

import pytest

from baleen import errors
from baleen.cli.formatting.template_lexer import split_actions, tokenize


def test_text_and_actions_alternate():
    assert list(split_actions("a{{.B}}c{{- .D -}} e")) == [
        (False, "a"),
        (True, ".B"),
        (False, "c"),
        (True, ".D"),
        (False, "e"),
    ]


def test_tokens_know_whether_space_was_before_them():
    assert [(t.kind, t.text, t.spaced) for t in tokenize('f .A.B "x" | g')] == [
        ("name", "f", True),
        ("field", "A", True),
        ("field", "B", False),
        ("string", "x", True),
        ("|", "|", True),
        ("name", "g", True),
    ]


def test_an_endless_template_is_refused():
    with pytest.raises(errors.InvalidArgument, match="too long"):
        list(split_actions("x" * 100_000))


@pytest.mark.parametrize("text", ["{{" * 30_000, '{{"' + "\\" * 60_000, "{{- " * 16_000])
def test_hostile_text_takes_no_time(text):
    start = time.process_time()
    with pytest.raises(errors.InvalidArgument):
        for _ in split_actions(text):
            pass
    assert time.process_time() - start < 0.5
