"""One element of the list: its shape, and texts of clients that look like ours."""

from __future__ import annotations

import json

import msgspec
import pytest

from baleen.api import ContainerConfig, EndpointSettings, HostConfig, MountPoint, PortBinding
from baleen.containers.record import ContainerRecord
from baleen.containers.state import Status
from baleen.containers.summary import Summary, command_text, port_list


def record(**changes) -> ContainerRecord:
    base = {
        "id": "1" * 64,
        "name": "web",
        "created": "2027-01-15T08:00:00.25Z",
        "path": "sh",
        "args": ["-c", "echo hi"],
        "image_id": "sha256:" + "0" * 64,
        "config": ContainerConfig(image="busybox", labels={"a": "b"}),
        "host_config": HostConfig(network_mode="bridge"),
        "endpoints": {"bridge": EndpointSettings(ip_address="172.17.0.2")},
        "mounts": [MountPoint(type="bind", source="/a", destination="/b", rw=True)],
        "ports": {"80/tcp": [PortBinding(host_ip="0.0.0.0", host_port="8080")]},
    }
    return ContainerRecord(**(base | changes))


def element(found: ContainerRecord) -> dict:
    return json.loads(Summary(found, lambda shown: shown.config.image).encoded(1_800_000_000.0))


def test_shape():
    shown = element(record())
    assert shown["Id"] == "1" * 64
    assert shown["Names"] == ["/web"]
    assert shown["Image"] == "busybox"
    assert shown["Command"] == "sh -c 'echo hi'"
    assert shown["Created"] == 1_800_000_000
    assert shown["Ports"] == [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
    ]
    assert shown["Labels"] == {"a": "b"}
    assert (shown["State"], shown["Status"]) == ("created", "Created")
    assert shown["HostConfig"] == {"NetworkMode": "bridge"}
    assert shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] == "172.17.0.2"
    assert shown["Mounts"][0]["RW"] is True
    assert shown["Health"] == {"Status": "none", "FailingStreak": 0}


@pytest.mark.parametrize(
    "evil", ['"Status":""', 'x","Status":"y', "Status", "\\", "\u2028", "\x7f"]
)
def test_texts_of_clients_cannot_move_the_status(evil):
    config = ContainerConfig(image=evil, labels={"Status": "", evil: evil})
    shown = element(record(config=config, args=[evil]))
    assert shown["Status"] == "Created"
    assert shown["Labels"] == {"Status": "", evil: evil}


def test_the_text_changes_and_the_rest_stays():
    running = record(status=Status.RUNNING, started_at="2027-01-15T08:00:00Z")
    summary = Summary(running, lambda shown: shown.config.image)
    first = summary.encoded(1_800_000_001.0)
    assert summary.encoded(1_800_000_001.5) is first
    later = json.loads(summary.encoded(1_800_000_002.0))
    assert later.pop("Status") == "Up 2 seconds"
    before = json.loads(first)
    assert before.pop("Status") == "Up 1 second"
    assert later == before


def test_ports_are_sorted_by_number_and_exposed_ones_have_no_host():
    ports = {
        "443/tcp": None,
        "53/udp": [PortBinding(host_ip="::1", host_port="5353")],
        "80/tcp": [],
    }
    shown = port_list(record(ports=ports))
    assert [(port["PrivatePort"], port.get("PublicPort")) for port in shown] == [
        (53, 5353),
        (80, None),
        (443, None),
    ]


def test_command_of_a_lone_program():
    assert command_text(msgspec.structs.replace(record(), args=[])) == "sh"
