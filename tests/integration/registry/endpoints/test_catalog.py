"""The catalog."""

from __future__ import annotations

from registry_bed import manifest, opened

from baleen.registry.access import Open

NAMES = ["a", "a/b", "b", "c", "d"]


async def fill(registry):
    for name in reversed(NAMES):
        await registry.push_blob(name, b"{}")
        await registry.push_manifest(name, "v1", manifest())
        await registry.push_manifest(name, "v2", manifest())


async def walk(registry, path):
    pages = []
    while path:
        answer = await registry.get(path)
        assert answer.status == 200
        pages.append(answer.json["repositories"])
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        path = path.replace("%2F", "/")
    return pages


async def test_repositories_in_pages(registry):
    await fill(registry)
    assert await walk(registry, "/v2/_catalog") == [NAMES]
    assert await walk(registry, "/v2/_catalog?n=2") == [["a", "a/b"], ["b", "c"], ["d"]]
    assert await walk(registry, "/v2/_catalog?last=a/b") == [["b", "c", "d"]]


async def test_a_repository_of_blobs_alone_is_not_listed(registry):
    await registry.push_blob("r", b"x")
    assert await walk(registry, "/v2/_catalog") == [[]]


async def test_only_what_may_be_seen_is_shown(tmp_path):
    class Some(Open):
        async def visible(self, actor, names, request):
            return [name for name in names if name in {"a/b", "d"}]

    async with opened(tmp_path / "data", access=Some()) as registry:
        await fill(registry)
        assert await walk(registry, "/v2/_catalog") == [["a/b", "d"]]
        pages = await walk(registry, "/v2/_catalog?n=1")
        assert [name for page in pages for name in page] == ["a/b", "d"]
