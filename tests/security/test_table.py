"""The table in README.md is true: its tests exist, and none of ours is missing from it."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
PATH = re.compile(r"[\w/]+\.py")
ROW = re.compile(r"\| ([A-Z]\d\d) \| [^|]+ \| ([^|]+) \|")


def rows():
    found = {}
    for line in (HERE / "README.md").read_text().splitlines():
        match = ROW.fullmatch(line)
        if match is not None:
            found[match[1]] = PATH.findall(match[2])
    return found


def test_every_case_has_tests_that_exist():
    table = rows()
    assert len(table) > 60
    for case, paths in table.items():
        assert paths, case
        for path in paths:
            assert (TESTS / path).is_file(), (case, path)


def test_every_test_is_in_the_table():
    named = {path for paths in rows().values() for path in paths}
    for directory in ("security", "faults"):
        for path in (TESTS / directory).glob("test_*.py"):
            if path.name != Path(__file__).name:
                assert f"{directory}/{path.name}" in named
