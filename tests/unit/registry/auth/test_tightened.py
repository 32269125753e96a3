from __future__ import annotations

import pytest

from baleen.registry.access import ANYBODY, Action, Actor, Open
from baleen.registry.auth.buckets import Buckets
from baleen.registry.auth.tightened import ReadOnly, UserLimit
from baleen.registry.errors import ApiError, Code


class Known(Open):
    async def authorize(self, repository, actions, request):
        if repository == "secret":
            raise ApiError(Code.DENIED)
        return Actor("ann")


@pytest.mark.parametrize("action", [Action.PUSH, Action.DELETE])
async def test_a_read_only_registry_has_no_writes(action):
    access = ReadOnly(Open())
    with pytest.raises(ApiError) as caught:
        await access.authorize("a", {action, Action.PULL}, None)
    assert (caught.value.status, caught.value.code) == (405, "UNSUPPORTED")
    assert await access.authorize("a", {Action.PULL}, None) == ANYBODY
    assert await access.authorize(None, set(), None) == ANYBODY


async def test_who_may_not_learns_that_first():
    with pytest.raises(ApiError) as caught:
        await ReadOnly(Known()).authorize("secret", {Action.PUSH}, None)
    assert caught.value.code == "DENIED"


async def test_the_requests_of_a_user_are_limited():
    access = UserLimit(Known(), Buckets(0.1, 2, clock=lambda: 0))
    for _ in range(2):
        await access.authorize("a", {Action.PULL}, None)
    with pytest.raises(ApiError) as caught:
        await access.authorize("a", {Action.PULL}, None)
    assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "10"})


async def test_people_without_a_name_are_not_limited_as_one():
    access = UserLimit(Open(), Buckets(0.1, 1, clock=lambda: 0))
    for _ in range(3):
        await access.authorize("a", {Action.PULL}, None)


async def test_other_questions_go_to_the_inner_one():
    for access in (ReadOnly(Open()), UserLimit(Open(), Buckets(1, 1))):
        assert await access.allows(ANYBODY, Action.PULL, "a", None)
        assert await access.visible(ANYBODY, ["a"], None) == ["a"]
