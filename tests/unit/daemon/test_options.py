from __future__ import annotations

import pytest

from baleen.daemon.config import Config
from baleen.daemon.options import OPTIONS, UNSUPPORTED, parse_size
from baleen.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("512", 512), ("1k", 1024), ("64M", 64 << 20), ("64mb", 64 << 20), ("1GiB", 1 << 30),
     ("1.5g", 3 << 29), ("2 TB", 2 << 40), ("7b", 7)],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "m", "-1", "+1", "1_0", "0x10", "1e3", "\u0661", " 1", "1  k", "1kk", "1.m.", "9999999p"],
)
def test_bad_sizes_are_refused(text):
    with pytest.raises(InvalidArgument, match="invalid size"):
        parse_size(text)


def test_each_option_is_used_or_says_why_not():
    fields = set(Config.__dataclass_fields__)
    for option in OPTIONS:
        assert (option.field in fields) != bool(option.accepted) or option.flag == "config-file"
        assert option.flag not in UNSUPPORTED
