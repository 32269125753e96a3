"""The seam of the cache; what goes through it is tested with the endpoints."""

from __future__ import annotations

import inspect

from baleen.registry.upstream import Upstream


def test_what_an_upstream_is_asked_for():
    for name in ("manifest", "blob", "tags"):
        assert inspect.iscoroutinefunction(getattr(Upstream, name))
