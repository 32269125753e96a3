from __future__ import annotations

import inspect
import re

from baleen.daemon import (
    routes_build,
    routes_checkpoints,
    routes_containers,
    routes_explain,
    routes_image_archives,
    routes_images,
    routes_insight,
    routes_networks,
    routes_registries,
    routes_system,
    routes_transfers,
)
from baleen.daemon.facade import EngineFacade


def test_the_routes_call_all_of_the_facade_and_nothing_else():
    called = set()
    modules = (
        routes_build,
        routes_checkpoints,
        routes_containers,
        routes_explain,
        routes_image_archives,
        routes_images,
        routes_insight,
        routes_networks,
        routes_registries,
        routes_system,
        routes_transfers,
    )
    for module in modules:
        called |= set(re.findall(r"call\.engine\.(\w+)", inspect.getsource(module)))
    declared = {
        name
        for kind in EngineFacade.__mro__
        for name in vars(kind)
        if not name.startswith("_") and kind.__module__ == EngineFacade.__module__
    }
    assert called == declared
