"""Lists of tags."""

from __future__ import annotations

import pytest
from registry_bed import manifest

TAGS = ["B", "a", "A", "1.0", "b", "latest", "_x"]
ORDERED = ["1.0", "_x", "A", "a", "B", "b", "latest"]


@pytest.fixture
async def tagged(registry):
    await registry.push_blob("r", b"{}")
    for tag in TAGS:
        await registry.push_manifest("r", tag, manifest())
    return registry


async def test_tags_are_in_the_order_of_the_specification(tagged):
    answer = await tagged.get("/v2/r/tags/list")
    assert answer.json == {"name": "r", "tags": ORDERED}
    assert "link" not in answer.headers


async def test_pages_follow_each_other(tagged):
    path, pages = "/v2/r/tags/list?n=3", []
    while path:
        answer = await tagged.get(path)
        pages.append(answer.json["tags"])
        link = answer.headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        path = link.partition(">")[0].removeprefix("<")
    assert pages == [ORDERED[:3], ORDERED[3:6], ORDERED[6:]]


async def test_a_page_begins_behind_a_tag_that_need_not_be_there(tagged):
    answer = await tagged.get("/v2/r/tags/list?last=aa")
    assert answer.json["tags"] == ["B", "b", "latest"]


async def test_no_entries_are_an_empty_page(tagged):
    answer = await tagged.get("/v2/r/tags/list?n=0")
    assert (answer.json["tags"], "link" in answer.headers) == ([], False)


async def test_a_repository_without_tags_has_an_empty_list(registry):
    await registry.push_blob("r", b"x")
    assert (await registry.get("/v2/r/tags/list")).json == {"name": "r", "tags": []}
