"""G11 (distribution CVE-2026-41888): with deletes off, or as a cache, nothing can be deleted."""

from __future__ import annotations

import pytest
from registry_bed import digest_of, opened


class Nothing:
    async def manifest(self, *_):
        return None

    async def blob(self, *_):
        return None

    async def tags(self, *_):
        return None


@pytest.mark.parametrize("way", ["off", "cache", "default"])
async def test_tags_digests_and_blobs_stay(tmp_path, way):
    root = tmp_path / "data"
    async with opened(root) as registry:
        digest, raw = await registry.push_image("r", "v1")
    layer = digest_of(b"layer ")
    options = {"delete": way == "cache", "upstream": Nothing() if way == "cache" else None}
    async with opened(root, **options) as registry:
        for path in (f"manifests/{digest}", "manifests/v1", f"blobs/{layer}", "manifests/none"):
            answer = await registry.request("DELETE", f"/v2/r/{path}")
            assert (answer.status, answer.code) == (405, "UNSUPPORTED")
        assert (await registry.get("/v2/r/manifests/v1")).body == raw
        assert (await registry.get(f"/v2/r/blobs/{layer}")).status == 200


def test_off_is_the_default():
    from baleen.registry.configuration import read_tree
    from baleen.registry.settings import load_settings

    assert not load_settings(read_tree(None, {})).delete_enabled
