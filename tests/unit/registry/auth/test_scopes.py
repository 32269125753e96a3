from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.registry.auth.scopes import (
    CATALOG,
    Scope,
    covers,
    format_scopes,
    parse_scope,
    parse_scopes,
    repository_scope,
)


def test_a_scope_is_type_name_and_actions():
    scope = parse_scope("repository:library/busybox:push,pull")
    assert scope == Scope("repository", "library/busybox", frozenset({"pull", "push"}))
    assert str(scope) == "repository:library/busybox:pull,push"


def test_a_port_in_the_name_is_part_of_it():
    assert parse_scope("repository:example.com:5000/a/b:pull").name == "example.com:5000/a/b"


def test_the_class_of_a_type_means_nothing():
    assert parse_scope("repository(plugin):a:pull") == parse_scope("repository:a:pull")


def test_actions_may_be_none():
    assert parse_scope("repository:a:").actions == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "repository",
        "repository:a",
        "repository::pull",
        "repository:A/b:pull",
        "repository:a%2fb:pull",
        "repository:a//b:pull",
        "repository:a/:pull",
        "repository:../a:pull",
        "repository:a b:pull",
        "repository:a:PULL",
        "repository:a:pull,",
        "repository:a:pull, push",
        "repository:a\n:pull",
        "repository:a:pull\n",
        "repository:é:pull",
        "Repository:a:pull",
        "repository:b:c:pull",
        "repository:*:pull",
        "repository:" + "a" * 256 + ":pull",
        "repository:a:" + "pull," * 5000,
    ],
)
def test_what_is_not_spelled_canonically_is_no_scope(text):
    with pytest.raises(InvalidArgument):
        parse_scope(text)


def test_scopes_of_one_resource_are_joined_and_nonsense_is_left_out():
    found = parse_scopes(["repository:a:pull  repository:b:pull", "A:B:C", "repository:a:push"])
    assert format_scopes(found) == "repository:a:pull,push repository:b:pull"


def test_more_scopes_than_anyone_needs_are_refused():
    with pytest.raises(InvalidArgument, match="64"):
        parse_scopes(["repository:a:pull " * 65])


def test_a_cut_holds_what_is_asked_and_allowed():
    asked = parse_scope("repository:a:pull,push,delete")
    assert asked.cut({"pull", "push"}).actions == {"pull", "push"}
    assert parse_scope("repository:a:*").cut({"pull"}).actions == {"pull"}
    assert CATALOG.cut({"*"}) == CATALOG
    assert CATALOG.cut(()).actions == frozenset()


def test_a_token_covers_only_the_very_resource():
    granted = [repository_scope("a/b", "pull"), repository_scope("c", "*")]
    assert covers(granted, repository_scope("a/b", "pull"))
    assert not covers(granted, repository_scope("a/b", "pull", "push"))
    assert not covers(granted, repository_scope("a", "pull"))
    assert not covers(granted, repository_scope("a/b/c", "pull"))
    assert not covers(granted, Scope("registry", "a/b", frozenset({"pull"})))
    assert covers(granted, repository_scope("c", "delete"))


@given(st.text(max_size=60))
def test_what_is_parsed_is_written_the_same(text):
    try:
        scope = parse_scope(text)
    except InvalidArgument:
        return
    assert parse_scope(str(scope)) == scope


@given(
    st.frozensets(st.sampled_from(["pull", "push", "delete"])),
    st.frozensets(st.sampled_from(["pull", "push", "delete", "*"])),
)
def test_no_cut_holds_more_than_is_allowed(allowed, asked):
    assert Scope("repository", "a", asked).cut(allowed).actions <= allowed
