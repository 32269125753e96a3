from __future__ import annotations

from baleen.engine.explaining.privileges import explain_capabilities
from baleen.linux.capabilities import last_cap
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES


def names(found, kind):
    return {item.name for item in found if getattr(item, kind)}


def test_a_plain_plan_keeps_the_default(make_subject):
    found = explain_capabilities(make_subject())
    assert len(found) == last_cap() + 1
    assert names(found, "bounding") == names(found, "effective") == set(DEFAULT_CAPABILITIES)
    assert names(found, "default") == set(DEFAULT_CAPABILITIES)
    assert all(item.allows for item in found)


def test_the_kernels_masks_decide(make_subject):
    status = {"CapEff": "0000000000000000", "CapAmb": "0000000000000400"}
    found = explain_capabilities(make_subject(status=status))
    assert names(found, "bounding") == set(DEFAULT_CAPABILITIES)
    assert names(found, "effective") == set()
    assert names(found, "ambient") == {"CAP_NET_BIND_SERVICE"}


def test_dropped_and_added(make_subject):
    host = {"cap_drop": ["ALL"], "cap_add": ["NET_ADMIN"]}
    assert names(explain_capabilities(make_subject(host=host)), "bounding") == {"CAP_NET_ADMIN"}
