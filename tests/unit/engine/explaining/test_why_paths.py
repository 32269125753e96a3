from __future__ import annotations

import pytest

from baleen.engine.explaining.why_paths import why_path
from baleen.runtime.default_spec import MASKED_PATHS, READONLY_PATHS


@pytest.mark.parametrize("path", [*MASKED_PATHS, *READONLY_PATHS])
def test_each_path_of_a_plain_container_has_its_own_reason(path):
    assert why_path(path) != why_path("/some/other/path")
    assert why_path(path).why.endswith(".")


def test_each_cpu_has_the_same_reason():
    first = why_path("/sys/devices/system/cpu/cpu0/thermal_throttle")
    assert first == why_path("/sys/devices/system/cpu/cpu127/thermal_throttle")
    assert first != why_path("/sys/devices/system/cpu/cpu/thermal_throttle")
    assert first.see.startswith("GHSA-")


def test_others_were_asked_for():
    assert "Asked for" in why_path("/srv/secret").why
