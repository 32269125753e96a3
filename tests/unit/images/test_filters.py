"""Filters match as Docker's do."""

import time

import pytest

from baleen.errors import InvalidArgument
from baleen.images.filters import label_matcher, reference_matcher, until_ns
from baleen.oci.reference import parse_reference


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("busybox", "busybox:1", True),
        ("busybox:*", "busybox:1", True),
        ("busy*", "busybox:1", True),
        ("*:1", "busybox:1", True),
        ("*", "user/app:1", False),
        ("*/*", "user/app:1", True),
        ("user/*", "user/app:1", True),
        ("docker.io/library/busybox:1", "busybox:1", True),
        ("box", "busybox:1", False),
        ("b?sybox", "busybox:1", True),
    ],
)
def test_reference_patterns(pattern, name, matches):
    assert reference_matcher({"reference": [pattern]})(parse_reference(name)) is matches


def test_hostile_patterns_are_answered_at_once():
    started = time.perf_counter()
    matcher = reference_matcher({"reference": ["a*" * 8 + "b"]})
    assert not matcher(parse_reference("a" * 200 + ":1"))
    with pytest.raises(InvalidArgument, match="reference filter"):
        reference_matcher({"reference": ["a*" * 100]})
    assert time.perf_counter() - started < 0.5


def test_labels():
    matcher = label_matcher({"label": ["a", "b=1"], "label!": ["c", "d=2"]})
    assert matcher({"a": "", "b": "1"})
    assert matcher({"a": "", "b": "1", "d": "3"})
    assert not matcher({"a": "", "b": "2"})
    assert not matcher({"a": "", "b": "1", "c": ""})
    assert not matcher({"a": "", "b": "1", "d": "2"})


def test_until_takes_times_and_durations():
    assert until_ns({}) is None
    assert until_ns({"until": ["100"]}) == 100_000_000_000
    now = time.time_ns()
    assert 0 <= now - until_ns({"until": ["1h"]}) - 3600 * 10**9 + 10**9 < 3 * 10**9
    with pytest.raises(InvalidArgument):
        until_ns({"until": ["yesterday"]})
