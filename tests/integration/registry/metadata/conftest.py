"""A PostgreSQL for the tests of a module: other tests count on having no other children."""

from __future__ import annotations

import pytest
from postgres_bed import postgres


@pytest.fixture(scope="module")
def postgres_url():
    with postgres() as url:
        yield url
