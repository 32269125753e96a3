from __future__ import annotations

import pytest

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.help import command_help, flag_table, group_help, program_help, usage_line
from baleen.cli.registry import GROUPS, TOP


def test_flags_are_aligned_and_show_their_defaults(monkeypatch):
    monkeypatch.setattr("baleen.cli.help.terminal_width", lambda: 80)
    table = flag_table(
        [
            Flag("all", "a", "bool", "Everything"),
            Flag("names", "", "strings", "Names of things"),
            Flag("proxy", "", "bool", "Pass on", default=True),
            Flag("pull", "", "string", "When", default="missing"),
            Flag("swap", "", "int", "How much", default=-1),
        ]
    )
    assert table.splitlines() == [
        "  -a, --all             Everything",
        "      --names strings   Names of things",
        "      --proxy           Pass on (default true)",
        '      --pull string     When (default "missing")',
        "      --swap int        How much (default -1)",
    ]


def test_long_lines_are_wrapped_under_themselves(monkeypatch):
    monkeypatch.setattr("baleen.cli.help.terminal_width", lambda: 40)
    table = flag_table([Flag("a", "", "bool", "one two three four five six seven")])
    assert table == ("      --a   one two three four five six\n            seven")


def test_a_command_without_aliases_or_flags_has_no_such_parts():
    command = Command(lambda *_: 0, "NAME", flags=(Flag("x", "", "bool", "X", hidden=True),))
    assert usage_line("baleen events", command) == "Usage:  baleen events NAME"
    text = command_help("baleen volume create", "Create", command)
    assert text == "Usage:  baleen volume create NAME\n\nCreate"


def test_aliases_are_all_spellings():
    command = Command(lambda *_: 0, "")
    assert "Aliases:\n  baleen image rm, baleen image remove, baleen rmi" in command_help(
        "baleen rmi", "Remove", command
    )


@pytest.mark.parametrize("group", GROUPS)
def test_every_command_of_a_group_is_listed_once(group):
    lines = group_help("baleen", group).splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert names == sorted(set(names))
    assert not set(names) & {"list", "remove", "dial-stdio"}


def test_every_top_level_command_is_listed():
    text = program_help("baleen", [Flag("x", "", "bool", "X")])
    for name, (_, summary) in TOP.items():
        assert f"  {name} " in text
        assert summary in text
