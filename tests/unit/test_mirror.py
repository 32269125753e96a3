"""Every module has tests in the place where a reader looks for them.

`src/baleen/x/y.py` is tested by `tests/unit/x/test_y.py` or `tests/integration/x/test_y.py`. What
shows itself only through a running engine is tested by its operations, listed here.
"""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SOURCE = TESTS.parent / "src/baleen"

BY_OPERATION = {
    "engine/attaching.py": "test_streams.py",
    "build/exporters/files.py": "test_build.py",
    "build/exporters/squash.py": "test_build.py",
    "engine/build_export.py": "test_build.py",
    "engine/build_images.py": "test_build.py",
    "engine/build_parts.py": "test_build.py",
    "engine/build_request.py": "test_build.py",
    "engine/build_run.py": "test_build.py",
    "engine/building.py": "test_build.py",
    "engine/bundles.py": "test_run.py",
    "engine/config.py": "test_daemon_restart.py",
    "engine/container_networks.py": "test_networks.py",
    "engine/copying.py": "test_copy.py",
    "engine/creating.py": "test_bad_input.py",
    "engine/disk_gc.py": "test_image_insight.py",
    "engine/disk_usage.py": "test_observe.py",
    "engine/engine.py": "test_daemon_restart.py",
    "engine/execs.py": "test_exec.py",
    "engine/explaining/operation.py": "test_explain.py",
    "engine/image_operations.py": "test_images.py",
    "engine/image_transfers.py": "test_image_send.py",
    "engine/measuring.py": "test_observe.py",
    "engine/network_operations.py": "test_networks.py",
    "engine/pulled_layers.py": "test_registries.py",
    "engine/pushing.py": "test_registries.py",
    "engine/registry_operations.py": "test_registries.py",
    "engine/removing.py": "test_lifecycle.py",
    "engine/restoring.py": "test_daemon_restart.py",
    "snapshots/root_view.py": "test_copy.py",
    "engine/starter.py": "test_exit_codes.py",
    "engine/system.py": "test_observe.py",
    "engine/updating.py": "test_lifecycle.py",
    "engine/viewing.py": "test_logs.py",
    "engine/volume_operations.py": "test_volumes.py",
}


def test_every_module_has_its_tests():
    missing = []
    for module in sorted(SOURCE.rglob("*.py")):
        name = module.relative_to(SOURCE)
        if module.name == "__init__.py":
            continue
        places = [TESTS / kind / name.parent / f"test_{module.name}" for kind in KINDS]
        if str(name) in BY_OPERATION:
            places.append(TESTS / "integration/engine" / BY_OPERATION[str(name)])
        if not any(place.exists() for place in places):
            missing.append(str(name))
    assert missing == []


def test_the_list_has_no_more_than_it_needs():
    for name in BY_OPERATION:
        assert (SOURCE / name).exists(), name
        own = [TESTS / kind / Path(name).parent / f"test_{Path(name).name}" for kind in KINDS]
        assert not any(place.exists() for place in own), name


KINDS = ("unit", "integration")
