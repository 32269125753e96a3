from __future__ import annotations

from baleen.engine.explaining.why_capabilities import CAPABILITIES
from baleen.linux.capabilities import CAPABILITIES as NUMBERS


def test_each_capability_has_its_line_in_the_kernels_order():
    assert list(CAPABILITIES) == sorted(NUMBERS, key=NUMBERS.__getitem__)
    assert all(CAPABILITIES.values())
