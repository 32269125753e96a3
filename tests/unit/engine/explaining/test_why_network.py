from __future__ import annotations

from baleen.api import ContainerConfig, HostConfig
from baleen.engine.explaining.why_network import SYSCTLS
from baleen.engine.oci_spec import Facts, build_spec
from baleen.images.users import User


def test_each_setting_that_the_engine_makes_has_its_reason():
    facts = Facts(path="sh", args=[], hostname="x", cgroup_path="/x", user=User(0, 0))
    spec = build_spec(ContainerConfig(), HostConfig(), facts)
    assert set(spec["linux"]["sysctl"]) == set(SYSCTLS)
