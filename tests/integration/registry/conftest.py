"""Fixtures of the registry's tests."""

from __future__ import annotations

import pytest_asyncio
from registry_bed import opened


@pytest_asyncio.fixture
async def registry(tmp_path):
    """A registry in which everything is allowed, called without a network."""
    async with opened(tmp_path / "data") as it:
        yield it
