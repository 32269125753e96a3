from __future__ import annotations

import os

from baleen.engine.explaining.why_namespaces import NAMESPACES


def test_every_type_of_the_kernel_is_explained_and_no_other():
    files = {name for name in os.listdir("/proc/self/ns") if not name.endswith("_for_children")}
    assert files <= {why.file for why in NAMESPACES.values()}


def test_the_names_are_those_of_the_oci_specification():
    assert set(NAMESPACES) == {
        "pid", "network", "ipc", "uts", "mount", "user", "cgroup", "time",
    }  # fmt: skip


def test_each_leads_to_its_manual_page():
    for why in NAMESPACES.values():
        assert why.see.endswith("_namespaces(7)")
        assert why.own != why.host
