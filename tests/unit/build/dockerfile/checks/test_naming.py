"""The rules that need the text only, each with the examples of its page."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.checks.naming import naming_findings
from baleen.build.dockerfile.parser import parse


def found(text):
    return [(one.rule, one.text, one.location.line) for one in naming_findings(parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a AS b\nRUN x", []),
        ("from a as b\nrun x", []),
        (
            "FROM alpine AS BuilderBase",
            [("StageNameCasing", "Stage name 'BuilderBase' should be lowercase", 1)],
        ),
        (
            "FROM debian:latest as builder",
            [("FromAsCasing", "'as' and 'FROM' keywords' casing do not match", 1)],
        ),
        (
            "from debian:latest AS builder",
            [("FromAsCasing", "'AS' and 'from' keywords' casing do not match", 1)],
        ),
        (
            "FROM --platform=$BUILDPLATFORM debian As builder",
            [("FromAsCasing", "'As' and 'FROM' keywords' casing do not match", 1)],
        ),
        (
            "FROM alpine AS scratch\nFROM alpine AS context",
            [
                (
                    "ReservedStageName",
                    f'Stage name should not use the same name as reserved stage "{name}"',
                    line,
                )
                for line, name in ((1, "scratch"), (2, "context"))
            ],
        ),
        (
            "FROM a AS builder\nFROM b AS c\nFROM d AS builder",
            [
                (
                    "DuplicateStageName",
                    'Duplicate stage name "builder", stage names should be unique',
                    3,
                )
            ],
        ),
        (
            "FROM a\nRUN x \\\n\n y",
            [("NoEmptyContinuation", "Empty continuation line found in: RUN x  y", 2)],
        ),
        ("FROM a\nRUN x \\\n# c\n y", []),
        (
            "FROM a\nMAINTAINER x@y",
            [
                (
                    "MaintainerDeprecated",
                    "Maintainer instruction is deprecated in favor of using label",
                    2,
                )
            ],
        ),
        (
            "FROM a\nENV k v\nLABEL k v",
            [
                (
                    "LegacyKeyValueFormat",
                    (
                        f'"{name} key=value" should be used instead of legacy "{name} key value" '
                        "format"
                    ),
                    line,
                )
                for line, name in ((2, "ENV"), (3, "LABEL"))
            ],
        ),
        (
            'FROM a\nCMD ["x"]\nHEALTHCHECK CMD y\nCMD ["z"]\nENTRYPOINT ["a"]',
            [
                (
                    "MultipleInstructionsDisallowed",
                    (
                        "Multiple CMD instructions should not be used in the same stage because "
                        "only the last one will be used"
                    ),
                    2,
                )
            ],
        ),
        ('FROM a\nCMD ["x"]\nFROM b\nCMD ["z"]', []),
    ],
)
def test_findings(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("From alpine\nRun x\nEntRYpOiNT y", ["From", "Run", "EntRYpOiNT"]),
        ("FROM a\nRUN x\nrun y", ["run"]),
        ("from a\nrun x\nRUN y", ["RUN"]),
        ("FROM a\nrun y", ["run"]),
    ],
)
def test_instructions_have_the_case_of_the_most(text, expected):
    findings = [one for one in found(text) if one[0] == "ConsistentInstructionCasing"]
    assert [one[1].split("'")[1] for one in findings] == expected
    majority = "lowercase" if text.startswith("from") else "uppercase"
    assert all(one[1].endswith(f"of the command majority ({majority})") for one in findings)


def test_comments_above_definitions_describe_them():
    text = (
        "# something else\nARG A=1\n# A is described\nARG A\n# not so\nFROM a AS base\n"
        "# B is\nARG B\n# no\n\nARG C\n# x\nARG D E\n# unnamed\nFROM b"
    )
    assert [one for one in found(text) if one[0] == "InvalidDefinitionDescription"] == [
        (
            "InvalidDefinitionDescription",
            f"Comment for {what} should follow the format: `# {name} <description>`",
            line,
        )
        for what, name, line in (
            ("ARG", "A", 2),
            ("build stage", "base", 6),
            ("ARG", "<arg_key>", 13),
        )
    ]
