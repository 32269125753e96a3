from __future__ import annotations

from baleen.registry.auth.accounts import Account, EverybodyMay, actions_of, grant
from baleen.registry.auth.scopes import parse_scopes

ANN = Account("ann", "")


async def test_without_a_policy_each_account_may_do_everything_and_nobody_else_anything():
    rights = EverybodyMay()
    assert await rights.allowed(ANN, "repository", "a") == {"pull", "push", "delete"}
    assert await rights.allowed(ANN, "registry", "catalog") == {"*"}
    assert await rights.allowed(None, "repository", "a") == frozenset()


def test_of_unknown_resources_there_are_no_actions():
    assert actions_of("registry", "settings") == frozenset()
    assert actions_of("plugin", "a") == frozenset()


async def test_what_is_granted_is_the_cut(policy):
    asked = parse_scopes(
        ["repository:ann/x:* repository:public/y:pull,push repository:z:pull a:b:*"]
    )
    granted = await grant(policy, ANN, asked)
    assert [str(scope) for scope in granted] == [
        "repository:ann/x:pull,push,delete",
        "repository:public/y:pull",
    ]
    assert [str(scope) for scope in await grant(policy, None, asked)] == [
        "repository:public/y:pull"
    ]
