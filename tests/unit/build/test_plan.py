"""Times of images; the rest of a plan is tested with lowering."""

from __future__ import annotations

import pytest

from baleen.build.plan import rfc3339


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1_732_474_800_000_000_000, "2024-11-24T19:00:00Z"),
        (-1_000_000_000, "1969-12-31T23:59:59Z"),
    ],
)
def test_times_are_written_as_go_does(time_ns, text):
    assert rfc3339(time_ns) == text
