"""Filters of prune: labels wanted and unwanted, and age."""

from __future__ import annotations

import pytest

from baleen.engine.prune_filters import check_prune_filters, is_prunable
from baleen.errors import InvalidArgument

MADE = "2026-01-02T03:04:05.6Z"
LABELS = {"tier": "web", "keep": ""}


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"label": ["tier"]}, True),
        ({"label": ["tier=web", "keep"]}, True),
        ({"label": ["tier=db"]}, False),
        ({"label!": ["tier=db"]}, True),
        ({"label!": ["tier=db", "keep"]}, False),
        ({"until": ["2026-01-02T03:04:06Z"]}, True),
        ({"until": ["2026-01-02T03:04:05Z"]}, False),
    ],
)
def test_what_passes(filters, passes):
    assert is_prunable(LABELS, MADE, filters) is passes


def test_others_are_refused():
    check_prune_filters({"label": [], "label!": [], "until": []})
    with pytest.raises(InvalidArgument, match="invalid filter 'name'"):
        check_prune_filters({"name": ["x"]})
    with pytest.raises(InvalidArgument):
        is_prunable(LABELS, MADE, {"until": ["yesterday"]})
