from __future__ import annotations

import pytest
from lying_registry import content

from baleen.errors import InvalidArgument, NotFound, PermissionDenied


def add(world, count):
    for number in range(count):
        world.registry.add_manifest("some/image", f"t{number:03}", b"{}")


def test_all_pages_are_read(world):
    add(world, 25)
    world.registry.page = 10
    assert world.client.tags(world.reference()) == [f"t{n:03}" for n in range(25)]
    assert len(world.registry.asked("GET", "tags/list")) == 3


def test_no_repository_is_dockers_error(world):
    with pytest.raises(NotFound, match=r"repository .*/some/image not found: name unknown"):
        world.client.tags(world.reference())


def test_what_is_no_tag_is_left_out(world):
    world.registry.lie("GET", "tags", content(b'{"tags": ["ok", "../x", "a b", ""]}'))
    assert world.client.tags(world.reference()) == ["ok"]


@pytest.mark.parametrize("body", [b"<html>", b'{"tags": 1}', b"[" * 100_000])
def test_a_malformed_list_is_an_error(world, body):
    world.registry.lie("GET", "tags", content(body))
    with pytest.raises(InvalidArgument, match="malformed list of tags"):
        world.client.tags(world.reference())


def test_no_tags_are_none(world):
    world.registry.lie("GET", "tags", content(b'{"tags": null}'))
    assert world.client.tags(world.reference()) == []


def test_a_list_without_end_ends(world):
    link = '</v2/some/image/tags/list>; rel="next"'
    world.registry.lie("GET", "tags", content(b'{"tags": ["a"]}', Link=link), times=99)
    assert world.client.tags(world.reference()) == ["a"]
    assert len(world.registry.requests) == 2


def test_the_next_page_cannot_be_elsewhere(world):
    link = '<http://127.0.0.1:1/v2/x/tags/list>; rel="next"'
    world.registry.lie("GET", "tags", content(b'{"tags": ["a"]}', Link=link))
    with pytest.raises(PermissionDenied, match="at another host"):
        world.client.tags(world.reference())
