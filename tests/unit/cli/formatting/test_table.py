from __future__ import annotations

from baleen.cli.formatting.rows import Row
from baleen.cli.formatting.table import align, render_rows

HEADERS = {"A": "ALPHA", "B": "BETA"}


def lines(rows, form="", *, safe=False):
    return list(render_rows(rows, form=form, default="{{.A}}\t{{.B}}", headers=HEADERS, safe=safe))


def test_columns_are_ten_wide_and_three_apart():
    assert list(align([["A", "B"], ["x", "y"], ["x" * 12, "y"]])) == [
        "A" + " " * 14 + "B",
        "x" + " " * 14 + "y",
        "x" * 12 + "   y",
    ]


def test_an_empty_list_has_its_header():
    assert lines([]) == ["ALPHA     BETA"]


def test_formats():
    rows = [Row({"A": "1", "B": "2"})]
    assert lines(rows, "{{.A}}-{{.B}}") == ["1-2"]
    assert lines(rows, "table {{.B}}\\t{{.A}}") == ["BETA      ALPHA", "2         1"]
    assert lines(rows, "table") == ["ALPHA     BETA", "1         2"]
    assert lines(rows, "json") == ['{"A":"1","B":"2"}']


def test_control_characters_are_shown_on_a_terminal_only():
    rows = [Row({"A": "\x1b[31mred\x1b]8;;http://x\x07", "B": "a\nb\u202e"})]
    text = "\n".join(lines(rows, safe=True))
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "a\\nb\\u202e" in text
    assert "\x1b[31mred" in "\n".join(lines(rows))
