"""`# check=` says which rules are looked at."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.checks.options import (
    BUILD_ARG,
    CheckOptions,
    options_for,
    parse_options,
)
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", CheckOptions()),
        ("skip=all", CheckOptions(frozenset({"all"}))),
        ("skip=A, B", CheckOptions(frozenset({"A", "B"}))),
        ("skip=A;error=true", CheckOptions(frozenset({"A"}), error=True)),
        (" error = 0 ; experimental=all", CheckOptions(experimental=frozenset({"all"}))),
    ],
)
def test_options_are_read(text, expected):
    assert parse_options(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("skip", 'invalid check option "skip"'),
        ("foo=bar", 'invalid check option "foo"'),
        ("error=maybe", 'failed to parse check option "error=maybe"'),
        ("skip=A;;", 'invalid check option ""'),
    ],
)
def test_malformed_options_are_errors(text, message):
    with pytest.raises(InvalidArgument) as raised:
        parse_options(text)
    assert raised.value.message == message


def test_experimental_rules_are_wanted_only_by_name_or_all():
    rule = "InvalidDefinitionDescription"
    assert not parse_options("").wants(rule)
    assert parse_options("experimental=all").wants(rule)
    assert parse_options(f"experimental={rule}").wants(rule)
    assert not parse_options(f"experimental={rule};skip=all").wants(rule)


def test_skipped_rules_are_not_wanted():
    assert not parse_options("skip=StageNameCasing").wants("StageNameCasing")
    assert parse_options("skip=StageNameCasing").wants("FromAsCasing")
    assert not parse_options("skip=all").wants("FromAsCasing")


def test_the_build_argument_takes_the_directive_s_place():
    assert options_for("skip=A", {}) == parse_options("skip=A")
    assert options_for("skip=A", {BUILD_ARG: "error=true"}) == CheckOptions(error=True)
