from __future__ import annotations

import pytest

from baleen.cli.formatting.rows import Row
from baleen.cli.listing import label_text, natural_key, print_rows


def test_labels_are_sorted():
    assert label_text({"b": "2", "a": "1"}) == "a=1,b=2"
    assert label_text(None) == ""


@pytest.mark.parametrize(
    "names",
    [
        ["u1", "u9", "u10", "u10a", "v"],
        ["1", "2", "10", "a"],
        ["", "0", "a", "a1b2", "a1b10"],
    ],
)
def test_numbers_in_names_are_compared_as_numbers(names):
    jumbled = [*names[1::2], *names[::2]]
    assert sorted(jumbled, key=natural_key) == names


def test_a_number_of_any_length_is_no_failure():
    assert min(["a" + "9" * 10_000, "a1"], key=natural_key) == "a1"


def test_quiet_takes_one_field_unless_a_template_was_given():
    class Session:
        out_is_terminal = False

        def __init__(self):
            self.lines = []

        def out(self, text):
            self.lines.append(text)

    rows = [Row({"ID": "1", "Name": "a"})]
    session = Session()
    for form in ("", "{{.Name}}"):
        print_rows(session, rows, form=form, default="{{.Name}}", headers={}, quiet="ID")
    assert session.lines == ["1", "a"]
