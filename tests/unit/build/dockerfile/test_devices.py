"""The values of `RUN --device`."""

from __future__ import annotations

import pytest

from baleen.build.dockerfile.devices import parse_device
from baleen.build.dockerfile.instructions import RunDevice
from baleen.build.dockerfile.parser import parse
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vendor.com/class=name", RunDevice("vendor.com/class=name")),
        ("vendor.com/class=*,required", RunDevice("vendor.com/class=*", required=True)),
        ("vendor.com/class,required=false", RunDevice("vendor.com/class")),
        ("name=vendor.com/class=x,required=1", RunDevice("vendor.com/class=x", required=True)),
        ("required,name=class1", RunDevice("class1", required=True)),
        ("$WANTED", RunDevice("$WANTED")),
    ],
)
def test_a_value(text, expected):
    assert parse_device(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a name"),
        ("required", "must have a name"),
        ("a.com/b=c,bogus", "invalid field 'bogus' must be a key=value pair"),
        ("a.com/b=c,requird=true", r"unexpected key 'requird' .* \(did you mean required\?\)"),
        ("a.com/b=c,required=perhaps", "invalid value for required: perhaps"),
    ],
)
def test_a_bad_value(text, message):
    with pytest.raises(InvalidArgument, match=message):
        parse_device(text)


def test_an_instruction_may_ask_for_several():
    text = "FROM x\nRUN --device=a.com/b=c --device=d,required true\n"
    run = parse(text).stages[0].instructions[0]
    assert run.devices == (RunDevice("a.com/b=c"), RunDevice("d", required=True))
