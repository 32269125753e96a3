from __future__ import annotations

from baleen.engine.explaining.why_mounts import DEFAULTS, ENGINE_FILES
from baleen.runtime.default_spec import default_spec


def test_each_mount_of_a_plain_container_has_its_reason():
    assert {mount["destination"] for mount in default_spec()["mounts"]} == set(DEFAULTS)


def test_the_engines_files_are_those_of_etc():
    assert set(ENGINE_FILES) == {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}
