from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.registry.auth.accounts import Account
from baleen.registry.auth.rights import PolicyFile, matches_pattern, parse_policy

POLICY = b"""
groups:
  builders: [ci, ann]
rules:
  - {repositories: ["library/*"], anonymous: true, actions: [pull]}
  - {repositories: ["{user}/**"], authenticated: true, actions: [pull, push, delete]}
  - {repositories: ["**"], groups: [builders], actions: [pull, push]}
  - {catalog: true, users: [ann]}
"""
ANN, BOB = Account("ann", ""), Account("bob", "")


@pytest.mark.parametrize(
    ("account", "name", "actions"),
    [
        (None, "library/busybox", {"pull"}),
        (None, "library/a/b", set()),
        (None, "library", set()),
        (None, "bob/x", set()),
        (BOB, "bob/x/y", {"pull", "push", "delete"}),
        (BOB, "bob", {"pull", "push", "delete"}),
        (BOB, "bobby/x", set()),
        (BOB, "ann/x", set()),
        (ANN, "bob/x", {"pull", "push"}),
        (ANN, "library/busybox", {"pull", "push"}),
    ],
)
async def test_rules_add_up(account, name, actions):
    assert await parse_policy(POLICY).allowed(account, "repository", name) == actions


async def test_the_catalog_is_a_right_of_its_own():
    policy = parse_policy(POLICY)
    assert await policy.allowed(ANN, "registry", "catalog") == {"*"}
    assert await policy.allowed(BOB, "registry", "catalog") == frozenset()
    assert await policy.allowed(ANN, "registry", "other") == frozenset()
    assert await policy.allowed(ANN, "volume", "x") == frozenset()


async def test_a_user_whose_name_is_a_pattern_gets_no_more():
    policy = parse_policy(POLICY)
    for name in ("*", "**", "bob/x", "", "{user}"):
        assert await policy.allowed(Account(name, ""), "repository", "bob/x") == frozenset()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rules: [{repositories: [a], actions: [pull]}]", "nobody"),
        ("rules: [{anonymous: true}]", "nothing"),
        ("rules: [{anonymous: true, repositories: [a]}]", "belong together"),
        ("rules: [{anonymous: true, actions: [pull]}]", "belong together"),
        ("rules: [{anonymous: true, repositories: [a], actions: [admin]}]", "'admin'"),
        ("rules: [{groups: [x], repositories: [a], actions: [pull]}]", "group 'x'"),
        ("rules: [{anonymus: true}]", "anonymus"),
        ("rules: [{anonymous: maybe, catalog: true}]", "bool"),
        ("rules: [{anonymous: true, repositories: [a**], actions: [pull]}]", "pattern"),
        ("rules: [{anonymous: true, repositories: [a//b], actions: [pull]}]", "pattern"),
        ("rules: [{anonymous: true, repositories: ['{team}/x'], actions: [pull]}]", "pattern"),
        ("rules: {", "policy"),
        ("- a", "policy"),
        ("a: &a [*a]", "policy"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_place(text, reason):
    with pytest.raises(InvalidArgument, match=reason.replace("*", r"\*")):
        parse_policy(text.encode())


async def test_a_changed_file_counts_at_once(tmp_path):
    path = tmp_path / "policy.yml"
    path.write_bytes(POLICY)
    rights = PolicyFile(path)
    assert await rights.allowed(BOB, "repository", "bob/x")
    path.write_text("rules: []\n")
    assert not await rights.allowed(BOB, "repository", "bob/x")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("**", "a/b/c", True),
        ("a/**", "a", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/b/b/c", True),
        ("a/**/c", "a/b", False),
        ("*", "a/b", False),
        ("a-*-b", "a-x-b", True),
        ("a-*-b", "a-b", False),
        ("a*a", "a", False),
        ("*x*y*", "1x2y3", True),
        ("*x*y*", "1y2x3", False),
        ("**/a/**/b", "x/a/a/b/b", True),
    ],
)
def test_patterns(pattern, name, matches):
    assert matches_pattern(pattern, name, None) is matches


@given(st.lists(st.sampled_from(["a", "ab", "b"]), min_size=1, max_size=6))
def test_a_name_is_in_its_own_pattern_and_in_all_wider_ones(components):
    name = "/".join(components)
    assert matches_pattern(name, name, None)
    assert matches_pattern("/".join("*" for _ in components), name, None)
    for at in range(len(components)):
        assert matches_pattern("/".join([*components[:at], "**"]), name, None)
