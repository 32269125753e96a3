from __future__ import annotations

from baleen.cli.page import Page


def test_no_line_is_wider_than_the_page():
    page = Page(60)
    page.heading("a heading")
    page.paragraph("word " * 100)
    page.entry("label", "x" * 300)
    page.entry("a label that is much longer than its column " * 3, "text " * 30)
    page.item("y" * 200)
    page.table([["name", "a" * 100, "text " * 40], ["b", "c", "d"]])
    lines = page.text().splitlines()
    assert max(map(len, lines)) <= 60
    assert "x" * 300 in page.text().replace("\n", "").replace(" ", "")


def test_width_has_bounds():
    for width, expected in ((10, 50), (1000, 100)):
        page = Page(width)
        page.paragraph("z" * 500, indent=0)
        assert max(map(len, page.text().splitlines())) == expected


def test_entries_begin_in_one_column():
    page = Page()
    page.entry("a", "first", column=10)
    page.entry("bb", "second", column=10)
    page.entry("a-long-label", "third", column=10)
    page.entry("alone", "", column=10)
    assert page.text().splitlines() == [
        "  a       first",
        "  bb      second",
        "  a-long-label",
        "          third",
        "  alone",
    ]


def test_tables_align():
    page = Page()
    page.table([["a", "1", "x"], ["bbb", "22", "y"]])
    page.table([])
    assert page.text().splitlines() == ["  a    1   x", "  bbb  22  y"]


def test_sections_are_set_apart_and_coloured_only_when_asked():
    plain, coloured = Page(), Page(colour=True)
    for page in (plain, coloured):
        page.heading("one")
        page.paragraph("text")
        page.heading("two")
    assert plain.text() == "ONE\n  text\n\nTWO\n"
    assert coloured.text().startswith("\x1b[1mONE\x1b[0m\n")


def test_control_characters_are_spelled_out():
    page = Page()
    page.entry("a\x1b[2J", "b\nFORGED\rc\u202e")
    page.each(["x\x07"])
    page.table([["\x1b", "\x1b"]])
    text = page.text()
    assert "\x1b" not in text
    assert "\\x1b[2J" in text
    assert "\nFORGED" not in text
    assert "\\u202e" in text
