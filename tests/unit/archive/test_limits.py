"""Limits name themselves."""

import pytest

from baleen.archive.limits import Limits
from baleen.errors import ResourceExhausted

LIMITS = Limits(max_bytes=1000, max_ratio=10, ratio_floor_bytes=100, max_entries=5)


def test_what_is_within_the_limits_passes():
    LIMITS.check_stream(1000, 100)
    LIMITS.check_stream(100, 0)
    LIMITS.check_entries(5)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: LIMITS.check_stream(1001, 1000), "max_bytes"),
        (lambda: LIMITS.check_stream(1000, 99), "max_ratio"),
        (lambda: LIMITS.check_entries(6), "max_entries"),
    ],
)
def test_what_is_beyond_names_the_limit(call, name):
    with pytest.raises(ResourceExhausted, match=name):
        call()
