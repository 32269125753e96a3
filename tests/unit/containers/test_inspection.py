"""The answer of inspect: Docker's shape, the state's flags, the old address fields."""

from __future__ import annotations

import json

import pytest

from baleen.api import ContainerConfig, EndpointSettings, Health, HostConfig
from baleen.containers.inspection import encode_inspection
from baleen.containers.record import ContainerRecord
from baleen.containers.state import Status


def inspect(**changes) -> dict:
    base = {
        "id": "1" * 64,
        "name": "web",
        "created": "2027-01-15T08:00:00Z",
        "path": "sh",
        "image_id": "sha256:" + "0" * 64,
        "config": ContainerConfig(image="busybox"),
        "host_config": HostConfig(network_mode="bridge"),
        "state_dir": "/data/c",
    }
    return json.loads(
        encode_inspection(ContainerRecord(**(base | changes)), exec_ids=(), size=None)
    )


def test_fields():
    shown = inspect()
    assert set(shown) == {
        "Id",
        "Created",
        "Path",
        "Args",
        "State",
        "Image",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "Name",
        "RestartCount",
        "Driver",
        "Platform",
        "MountLabel",
        "ProcessLabel",
        "AppArmorProfile",
        "ExecIDs",
        "HostConfig",
        "GraphDriver",
        "Storage",
        "Mounts",
        "Config",
        "NetworkSettings",
    }
    assert shown["Name"] == "/web"
    assert shown["HostsPath"] == "/data/c/hosts"
    assert shown["HostConfig"]["NetworkMode"] == "bridge"


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        (Status.CREATED, set()),
        (Status.RUNNING, {"Running"}),
        (Status.PAUSED, {"Running", "Paused"}),
        (Status.RESTARTING, {"Running", "Restarting"}),
        (Status.EXITED, set()),
        (Status.DEAD, {"Dead"}),
    ],
)
def test_flags_follow_the_status(status, flags):
    state = inspect(status=status)["State"]
    assert state["Status"] == status
    assert {name for name in ("Running", "Paused", "Restarting", "Dead") if state[name]} == flags


def test_health_is_there_only_with_a_check():
    assert "Health" not in inspect()["State"]
    assert inspect(health=Health(status="healthy"))["State"]["Health"]["Status"] == "healthy"


def test_old_address_fields_show_the_default_bridge():
    shown = inspect(
        endpoints={
            "own": EndpointSettings(ip_address="10.0.0.2"),
            "bridge": EndpointSettings(ip_address="172.17.0.2", gateway="172.17.0.1"),
        }
    )["NetworkSettings"]
    assert (shown["IPAddress"], shown["Gateway"]) == ("172.17.0.2", "172.17.0.1")
    assert set(shown["Networks"]) == {"own", "bridge"}
    assert inspect()["NetworkSettings"]["IPAddress"] == ""
