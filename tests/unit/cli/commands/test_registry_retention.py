"""`baleen registry retention`."""

from __future__ import annotations

import asyncio
import json

from baleen.oci.digest import Digest
from baleen.registry.configuration import read_tree
from baleen.registry.contents import open_contents
from baleen.registry.settings import load_settings

TYPE = "application/vnd.oci.image.manifest.v1+json"


async def fill(root):
    variables = {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(root)}
    contents = open_contents(load_settings(read_tree(None, variables)))
    contents.clock = lambda: 5.0
    await contents.start()
    config = {"mediaType": "a/b", "digest": Digest.of(b"{}"), "size": 2}
    raw = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    await contents.put_manifest("team/app", "old", TYPE, raw, complete=False)
    await contents.close()


def test_what_goes_is_told_first(baleen, tmp_path, monkeypatch):
    asyncio.run(fill(tmp_path))
    monkeypatch.setenv("REGISTRY_RETENTION_RULES_0_AGE", "30d")
    expected = "team/app:old (older than 30d)\n"
    command = ("registry", "retention", "--data", str(tmp_path))
    assert baleen(*command, "--dry-run").out == f"would remove {expected}"
    assert baleen(*command).out == f"removed {expected}"
    assert baleen(*command).out == ""
