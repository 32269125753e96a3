"""Collection and retention by command, beside a registry that serves."""

from __future__ import annotations

import pytest
from registry_bed import START

from baleen.errors import NotFound
from baleen.registry.configuration import read_tree
from baleen.registry.maintenance import collect_once, retain_once
from baleen.registry.settings import load_settings


def settings(root, **more):
    root_name = "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"
    return load_settings(read_tree(None, {root_name: str(root), **more}))


async def test_both_on_the_data_of_a_running_registry(registry):
    registry.clock.now = 5.0  # long ago for the command, whose clock is the machine's
    for tag in ("v1", "v2"):
        registry.clock.now += 1
        await registry.push_image("r", tag, tag)
    ours = settings(
        registry.root,
        REGISTRY_RETENTION_RULES_0_KEEP="1",
        REGISTRY_RETENTION_RULES_0_UNTAGGED="true",
        REGISTRY_GARBAGE_GRACE="0",
    )
    assert len(await retain_once(ours, dry_run=True)) == 2
    assert len(await retain_once(ours, dry_run=False)) == 2
    assert (await registry.get("/v2/r/tags/list")).json["tags"] == ["v2"]
    assert (await collect_once(ours, dry_run=True)).blobs == 2
    assert (await collect_once(ours, dry_run=False)).blobs == 2
    assert START > 0


async def test_a_mistyped_directory_is_not_made(tmp_path):
    with pytest.raises(NotFound, match="there is no registry"):
        await collect_once(settings(tmp_path / "none"), dry_run=False)
    assert not (tmp_path / "none").exists()
