"""A whole registry from settings."""

from __future__ import annotations

from baleen.registry.assembly import assemble
from baleen.registry.configuration import read_tree
from baleen.registry.settings import load_settings


async def test_the_parts_are_those_of_the_settings(tmp_path):
    variables = {
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(tmp_path / "data"),
        "REGISTRY_GARBAGE_GRACE": "5m",
    }
    application, contents = assemble(load_settings(read_tree(None, variables)))
    assert callable(application)
    assert contents.grace_s == 300
    await contents.start()
    assert (tmp_path / "data/registry.db").exists()
    await contents.close()
