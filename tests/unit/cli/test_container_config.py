from __future__ import annotations

import re

import pytest

from baleen import errors
from baleen.cli.container_config import create_body, resources
from baleen.cli.container_flags import CONTAINER_FLAGS
from baleen.cli.flags import parse_flags


def body(*argv, detach=False):
    flags, _ = parse_flags(CONTAINER_FLAGS, argv)
    return create_body(flags, "img", [], detach=detach)


def test_only_what_was_said_is_sent():
    assert body(detach=True) == {
        "Image": "img",
        "Tty": False,
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "HostConfig": {"NetworkMode": "default"},
    }


@pytest.mark.parametrize(
    ("argv", "attached", "once"),
    [
        ([], "out err", False),
        (["-i"], "in out err", True),
        (["-i", "-a", "stdout"], "out", False),
        (["-i", "-a", "STDIN"], "in", True),
        (["-a", "stderr"], "err", False),
    ],
)
def test_streams(argv, attached, once):
    sent = body(*argv)
    streams = [name for name in ("in", "out", "err") if sent[f"AttachStd{name}"]]
    assert (" ".join(streams), sent["StdinOnce"]) == (attached, once)


def test_limits_of_devices():
    host = body(
        *("--device-read-bps", "/dev/sda:1mb", "--device-write-bps", "/dev/sda:2mb"),
        *("--device-read-iops", "/dev/sda:3", "--device-write-iops", "/dev/sda:4"),
        *("--blkio-weight", "100", "--blkio-weight-device", "/dev/sda:200"),
    )["HostConfig"]
    assert host == {
        "NetworkMode": "default",
        "BlkioWeight": 100,
        "BlkioWeightDevice": [{"Path": "/dev/sda", "Weight": 200}],
        "BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1 << 20}],
        "BlkioDeviceWriteBps": [{"Path": "/dev/sda", "Rate": 2 << 20}],
        "BlkioDeviceReadIOps": [{"Path": "/dev/sda", "Rate": 3}],
        "BlkioDeviceWriteIOps": [{"Path": "/dev/sda", "Rate": 4}],
    }


def test_cdi_devices_are_asked_for_by_a_request():
    host = body("--device", "vendor.com/class=gpu:0", "--device", "/dev/fuse")["HostConfig"]
    assert host["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["vendor.com/class=gpu:0"]}]
    assert [device["PathOnHost"] for device in host["Devices"]] == ["/dev/fuse"]


def test_options_without_a_value_are_the_engines_affair():
    host = body("--log-opt", "a", "--annotation", "b")["HostConfig"]
    assert host["LogConfig"]["Config"] == {"a": ""}
    assert host["Annotations"] == {"b": ""}


def test_several_networks_and_flags_about_the_first():
    sent = body("--network", "a", "--network", "name=b,alias=x", "--ip", "10.0.0.2")
    assert sent["HostConfig"]["NetworkMode"] == "a"
    assert sent["NetworkingConfig"]["EndpointsConfig"] == {
        "a": {"IPAMConfig": {"IPv4Address": "10.0.0.2"}},
        "b": {"Aliases": ["x"]},
    }


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--rm", "--restart", "always"], "cannot specify both --restart and --rm"),
        (["--pull", "x"], "invalid pull option: 'x'"),
        (["--network", "host", "--network", "a"], "non-user-defined network-modes"),
        (["--network", "a", "--network", "a"], "is specified multiple times"),
        (["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts"),
        (["--health-interval", "-1s"], "health options cannot be negative"),
        (["--memory-swappiness", "101"], "Valid memory swappiness range is 0-100"),
        (["--isolation", "hyperv"], "invalid isolation"),
        (["--storage-opt", "x"], "invalid storage option"),
        (["--env-file", "/nope"], "open /nope: no such file or directory"),
    ],
)
def test_contradictions(argv, text):
    with pytest.raises(errors.InvalidArgument, match=re.escape(text)):
        body(*argv)


def test_system_paths_can_be_open():
    host = body("--security-opt", "systempaths=unconfined", "--security-opt", "label=disable")
    assert host["HostConfig"]["MaskedPaths"] == host["HostConfig"]["ReadonlyPaths"] == []
    assert host["HostConfig"]["SecurityOpt"] == ["label=disable"]


def test_limits_alone_for_update():
    flags, _ = parse_flags(CONTAINER_FLAGS, ["--cpus", "2", "--restart", "on-failure:3"])
    assert resources(flags) == {
        "NanoCpus": 2 * 10**9,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
    }


def test_a_single_plain_network_is_no_endpoint():
    for name in ("container:db", "host", "mine"):
        sent = body("--network", name)
        assert sent["HostConfig"]["NetworkMode"] == name
        assert "NetworkingConfig" not in sent
    assert body("--network", "mine", "--network-alias", "x")["NetworkingConfig"] == {
        "EndpointsConfig": {"mine": {"Aliases": ["x"]}}
    }
