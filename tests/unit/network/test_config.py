"""network.config: the defaults."""

from pathlib import Path

from baleen.network.config import NetworkConfig


def test_published_ports_are_bound_to_every_address_unless_told_otherwise():
    assert NetworkConfig(exec_root=Path("/run/x")).default_binding == "0.0.0.0"
