"""The table names fields that exist, and all instructions that Docker expands."""

from __future__ import annotations

from baleen.build.dockerfile.expanded import EXPANDED


def test_the_table_names_fields_that_exist():
    for kind, names in EXPANDED.items():
        assert set(names) <= set(kind.__dataclass_fields__)


def test_commands_are_left_to_the_shell():
    names = {kind.__name__ for kind in EXPANDED}
    assert not names & {"Cmd", "Entrypoint", "Healthcheck", "Onbuild", "Shell"}
    assert "command" not in EXPANDED[next(kind for kind in EXPANDED if kind.__name__ == "Run")]
