"""A thousand lives of all kinds, with supervisors killed between; the fixture looks at the rest.

`python -m bench.churn` does ten thousand and prints the counts (F18).
"""

from __future__ import annotations

import pytest
from bench.churn import Tally, churn

pytestmark = pytest.mark.integration

LIVES = 1000


@pytest.mark.timeout(300)  # fifteen seconds, on a machine that has nothing else to do
def test_a_thousand_lives_leave_nothing(engine):
    tally = Tally()
    churn(str(engine.socket), LIVES, tally)
    assert len(tally.seconds) == LIVES
    assert tally.kinds["supervisor killed -9"] == LIVES / 100
    assert tally.kinds["out of memory"] >= 1
    assert engine.api("GET", "/containers/json?all=1").json() == []
    # Processes, mounts, links, rules, cgroups, files and descriptors: the fixture looks.
