from __future__ import annotations

from baleen.engine.explaining.why_limits import LIMITS, RLIMITS
from baleen.engine.oci_resources import RLIMIT_NAMES


def test_each_limit_of_a_process_is_explained():
    assert {name for name, _ in RLIMITS.values()} == set(RLIMIT_NAMES)


def test_the_lines_are_the_kernels():
    with open("/proc/self/limits", encoding="ascii") as file:
        lines = [line[:26].strip() for line in file][1:]
    assert lines == list(RLIMITS)


def test_each_limit_is_in_a_file_of_one_version_at_least():
    for why in LIMITS:
        assert why.v1 or why.v2 or why.v1_usage
        assert why.why.endswith(".")
    assert len({why.name for why in LIMITS}) == len(LIMITS)
