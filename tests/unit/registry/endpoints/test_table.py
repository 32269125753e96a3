"""Every kind of path has its methods and rights."""

from __future__ import annotations

from baleen.registry.access import Action
from baleen.registry.endpoints.table import ENDPOINTS
from baleen.registry.routing import Kind


def test_nothing_is_forgotten():
    assert set(ENDPOINTS) == set(Kind)


def test_what_changes_something_needs_more_than_pull():
    for methods in ENDPOINTS.values():
        for method, endpoint in methods.items():
            changes = method not in {"GET", "HEAD"}
            needs = bool(endpoint.actions & {Action.PUSH, Action.DELETE})
            assert endpoint.is_write or not changes
            assert needs or not endpoint.is_write
