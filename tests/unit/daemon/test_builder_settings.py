"""`builder` in daemon.json."""

from __future__ import annotations

import pytest

from baleen.build.solver.prune import PrunePolicy
from baleen.daemon.builder_settings import builder_gc
from baleen.errors import InvalidArgument

GB = 1 << 30
HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("settings", "policies"),
    [
        (None, None),
        ({}, None),
        ({"gc": {}}, None),
        ({"gc": {"enabled": True}}, None),
        ({"gc": {"enabled": False}}, ()),
        (
            {"gc": {"defaultKeepStorage": "20GB"}},
            (PrunePolicy(reserved_bytes=20 * GB), PrunePolicy(all=True, reserved_bytes=20 * GB)),
        ),
        (
            {
                "gc": {
                    "defaultReservedSpace": "1GB",
                    "policy": [
                        {"keepStorage": "10GB", "filter": ["unused-for=48h", "type=regular"]},
                        {"maxUsedSpace": "50GB", "minFreeSpace": "5GB", "all": True},
                        {"filter": {"until": {"1h": True}}},
                    ],
                }
            },
            (
                PrunePolicy(
                    reserved_bytes=10 * GB,
                    unused_ns=48 * HOUR,
                    filters={"type": frozenset({"regular"})},
                ),
                PrunePolicy(
                    all=True, reserved_bytes=GB, max_used_bytes=50 * GB, min_free_bytes=5 * GB
                ),
                PrunePolicy(reserved_bytes=GB, unused_ns=HOUR),
            ),
        ),
        ({"entitlements": {"network-host": True}}, None),
    ],
)
def test_rules(settings, policies):
    assert builder_gc(settings) == policies


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("text", "builder: Expected `object`"),
        ({"gc": {"enabled": "yes"}}, r"builder: Expected `bool`.*gc\.enabled"),
        ({"gc": {"policy": [{"keep": "1GB"}]}}, "unknown field `keep`"),
        ({"gc": {"defaultKeepStorage": "much"}}, "invalid size: 'much'"),
        ({"gc": {"policy": [{"filter": ["color=red"]}]}}, "invalid filter 'color'"),
    ],
)
def test_nonsense(settings, message):
    with pytest.raises(InvalidArgument, match=message):
        builder_gc(settings)
