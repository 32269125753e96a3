"""--cap-add, --cap-drop, --privileged."""

from __future__ import annotations

import pytest

from baleen.api import HostConfig
from baleen.engine.capability_sets import DEFAULT_CAPABILITIES, capability_names, capability_sets
from baleen.errors import InvalidArgument
from baleen.linux.capabilities import available, names_of, parse_mask


def names(**changes) -> set[str]:
    return set(capability_names(HostConfig(**changes)))


def test_the_default_is_dockers_mask():
    assert parse_mask(DEFAULT_CAPABILITIES) == 0x00000000A80425FB
    assert names() == set(DEFAULT_CAPABILITIES)


def test_add_and_drop():
    default = set(DEFAULT_CAPABILITIES)
    assert names(cap_add=["net_admin", "CAP_SYS_TIME"]) == default | {
        "CAP_NET_ADMIN",
        "CAP_SYS_TIME",
    }
    assert names(cap_drop=["chown"]) == default - {"CAP_CHOWN"}
    assert names(cap_drop=["ALL"], cap_add=["CHOWN"]) == {"CAP_CHOWN"}
    assert names(cap_drop=["all"]) == set()
    everything = set(names_of(available()))
    assert names(cap_add=["ALL"]) == everything
    assert names(cap_add=["ALL"], cap_drop=["MKNOD"]) == everything - {"CAP_MKNOD"}
    assert names(privileged=True) == everything == set(capability_names(None))


@pytest.mark.parametrize("word", ["", "NONSENSE", "CAP_", "CHOWN ", "\u0130NET", "CAP_CAP_CHOWN"])
def test_unknown_words(word):
    with pytest.raises(InvalidArgument, match="unknown capability"):
        capability_names(HostConfig(cap_add=[word]))
    with pytest.raises(InvalidArgument, match="unknown capability"):
        capability_names(HostConfig(cap_drop=[word]))


def test_sets_of_root_and_of_others():
    root = capability_sets(["CAP_CHOWN"], uid=0)
    assert root == {
        "bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"],
        "inheritable": [], "ambient": [],
    }  # fmt: skip
    other = capability_sets(["CAP_CHOWN"], uid=1000)
    assert other == {
        "bounding": ["CAP_CHOWN"],
        "effective": [],
        "permitted": [],
        "inheritable": [],
        "ambient": [],
    }
