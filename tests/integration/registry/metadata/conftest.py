"""A PostgreSQL for the tests of this directory."""

from __future__ import annotations

import pytest
from postgres_bed import postgres


@pytest.fixture(scope="session")
def postgres_url():
    with postgres() as url:
        yield url
