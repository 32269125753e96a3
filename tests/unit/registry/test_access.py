"""Without `auth` everybody may do everything."""

from __future__ import annotations

from baleen.registry.access import ANYBODY, Action, Open


async def test_open():
    access = Open()
    assert await access.authorize("r", {Action.DELETE}, None) is ANYBODY
    assert await access.allows(ANYBODY, Action.PULL, "r", None)
    assert await access.visible(ANYBODY, ["a", "b"], None) == ["a", "b"]
