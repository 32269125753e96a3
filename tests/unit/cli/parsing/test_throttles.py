from __future__ import annotations

import pytest

from baleen import errors
from baleen.cli.parsing.throttles import (
    parse_device_bytes,
    parse_device_operations,
    parse_device_weight,
)


def test_limits():
    assert parse_device_bytes("/dev/sda:1.5mb") == {"Path": "/dev/sda", "Rate": 3 << 19}
    assert parse_device_operations("/dev/sda:100") == {"Path": "/dev/sda", "Rate": 100}
    assert parse_device_weight("/dev/sda:0") == {"Path": "/dev/sda", "Weight": 0}
    assert parse_device_weight("/dev/sda:1000") == {"Path": "/dev/sda", "Weight": 1000}


@pytest.mark.parametrize(
    "parse", [parse_device_bytes, parse_device_operations, parse_device_weight]
)
@pytest.mark.parametrize(
    "text",
    ["", "/dev/sda", ":1", "sda:1", "/dev/sda:", "/dev/sda:x", "/dev/sda:-1", "/dev/sda:1:2"],
)
def test_limits_that_are_none(parse, text):
    with pytest.raises(errors.InvalidArgument):
        parse(text)


@pytest.mark.parametrize("text", ["/dev/sda:9", "/dev/sda:1001"])
def test_weights_have_a_range(text):
    with pytest.raises(errors.InvalidArgument, match=f"invalid weight for device: {text}"):
        parse_device_weight(text)
