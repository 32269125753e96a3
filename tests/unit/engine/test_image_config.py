"""What the client does not say, the image does."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, Empty, HealthConfig
from baleen.engine.image_config import command_of, merge_image_config
from baleen.errors import InvalidArgument
from baleen.oci.image import ExecutionConfig
from baleen.oci.image import HealthConfig as ImageHealth

IMAGE = ExecutionConfig(
    user="app",
    env=["PATH=/bin", "A=image"],
    entrypoint=["/entry"],
    cmd=["serve"],
    working_dir="/srv",
    labels={"a": "image", "b": "image"},
    exposed_ports={"80/tcp": {}},
    volumes={"/data": {}},
    stop_signal="SIGQUIT",
)


@pytest.mark.parametrize(
    ("config", "command"),
    [
        ({}, ["/entry", "serve"]),
        ({"cmd": ["x", "y"]}, ["/entry", "x", "y"]),
        ({"entrypoint": ["/e"]}, ["/e"]),
        ({"entrypoint": ["/e"], "cmd": ["x"]}, ["/e", "x"]),
        ({"entrypoint": [""], "cmd": ["x"]}, ["x"]),
        ({"cmd": []}, ["/entry", "serve"]),
    ],
)
def test_entrypoint_and_command(config, command):
    path, args = command_of(merge_image_config(ContainerConfig(**config), IMAGE))
    assert [path, *args] == command


def test_nothing_to_run():
    with pytest.raises(InvalidArgument, match=r"^no command specified$"):
        command_of(merge_image_config(ContainerConfig(), ExecutionConfig()))
    with pytest.raises(InvalidArgument, match=r"^no command specified$"):
        command_of(merge_image_config(ContainerConfig(entrypoint=[""]), IMAGE))
    assert command_of(merge_image_config(ContainerConfig(cmd=["x"]), None)) == ("x", [])


def test_the_rest():
    merged = merge_image_config(
        ContainerConfig(
            env=["A=own", "B=1"],
            labels={"a": "own"},
            volumes={"/more": Empty()},
            exposed_ports={"90/udp": Empty()},
        ),
        IMAGE,
    )
    assert merged.env == ["A=own", "B=1", "PATH=/bin"]
    assert merged.labels == {"a": "own", "b": "image"}
    assert set(merged.volumes) == {"/data", "/more"}
    assert set(merged.exposed_ports) == {"80/tcp", "90/udp"}
    assert (merged.user, merged.working_dir, merged.stop_signal) == ("app", "/srv", "SIGQUIT")
    own = merge_image_config(ContainerConfig(user="0", working_dir="/x", stop_signal="9"), IMAGE)
    assert (own.user, own.working_dir, own.stop_signal) == ("0", "/x", "9")


def test_health_checks_are_merged_field_by_field():
    image = ExecutionConfig(healthcheck=ImageHealth(test=["CMD", "x"], interval=5, retries=3))
    assert merge_image_config(ContainerConfig(), image).healthcheck == HealthConfig(
        test=["CMD", "x"], interval=5, retries=3
    )
    merged = merge_image_config(ContainerConfig(healthcheck=HealthConfig(retries=9)), image)
    assert merged.healthcheck == HealthConfig(test=["CMD", "x"], interval=5, retries=9)
    off = HealthConfig(test=["NONE"])
    assert merge_image_config(ContainerConfig(healthcheck=off), image).healthcheck == off
