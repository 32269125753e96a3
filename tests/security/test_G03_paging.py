"""G03 (distribution CVE-2023-2253): what a client asks for in one page costs no memory."""

from __future__ import annotations

import tracemalloc

import pytest
from registry_bed import manifest, opened


@pytest.fixture
async def registry(tmp_path):
    async with opened(tmp_path / "data") as it:
        await it.push_blob("r", b"{}")
        for number in range(5):
            await it.push_manifest("r", f"v{number}", manifest())
        yield it


@pytest.mark.parametrize("path", ["/v2/_catalog", "/v2/r/tags/list"])
async def test_huge_numbers_are_clamped_and_others_refused(registry, path):
    tracemalloc.start()
    try:
        for n in ("99999999999", "9" * 500, str(2**63)):
            assert (await registry.get(f"{path}?n={n}")).status == 200
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    for n in ("-1", "abc", "", "1e3", "0x10", "%00", "1_0", "%D9%A1"):
        answer = await registry.get(f"{path}?n={n}")
        assert (answer.status, answer.code) == (400, "PAGINATION_NUMBER_INVALID")
    for last in ("%00", "a%00b", "..%2f", "%ff", "x" * 5000):
        assert (await registry.get(f"{path}?last={last}")).status == 400


async def test_pages_are_never_longer_than_the_limit(registry, monkeypatch):
    from baleen.registry import paging

    monkeypatch.setattr(paging, "PAGE_LIMIT", 3)
    monkeypatch.setattr(paging, "DEFAULT_PAGE", 3)
    for query in ("", "?n=100", "?n=99999999999"):
        answer = await registry.get(f"/v2/r/tags/list{query}")
        assert answer.json["tags"] == ["v0", "v1", "v2"]
        assert 'rel="next"' in answer.headers["link"]
