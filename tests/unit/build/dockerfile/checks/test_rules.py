"""The rules are those of the build checks, by name."""

from __future__ import annotations

from baleen.build.dockerfile.checks.rules import EXPERIMENTAL, RULES, Finding
from baleen.build.dockerfile.instructions import Location


def test_there_are_twenty_one_rules_and_one_is_experimental():
    assert len(RULES) == 21
    assert set(RULES) >= EXPERIMENTAL


def test_a_finding_on_one_line_names_the_rule_and_the_line():
    finding = Finding("StageNameCasing", "Stage name 'X' should be lowercase", Location(3, 4))
    assert finding.short() == "StageNameCasing: Stage name 'X' should be lowercase (line 3)"
    assert finding.description == "Stage names should be lowercase"
