"""A record survives its way through the database."""

from __future__ import annotations

import msgspec
import pytest

from baleen.api import (
    ContainerConfig,
    EndpointSettings,
    Health,
    HostConfig,
    MountPoint,
    PortBinding,
)
from baleen.containers.record import ZERO_TIME, ContainerRecord, decode_record, encode_record
from baleen.containers.state import Status


def full_record() -> ContainerRecord:
    return ContainerRecord(
        id="1" * 64,
        name="web",
        created="2026-01-02T03:04:05.6Z",
        path="sh",
        args=["-c", "x"],
        image_id="sha256:" + "0" * 64,
        config=ContainerConfig(image="busybox", env=["A=ü"], labels={"k": "v"}, stop_timeout=0),
        host_config=HostConfig(network_mode="bridge", memory=1 << 40, init=False, masked_paths=[]),
        mounts=[MountPoint(type="bind", source="/a", destination="/b", rw=True)],
        endpoints={"bridge": EndpointSettings(ip_address="172.17.0.2", aliases=["x"])},
        ports={"80/tcp": [PortBinding(host_ip="0.0.0.0", host_port="80")], "90/udp": None},
        status=Status.PAUSED,
        pid=12,
        health=Health(status="healthy"),
        manually_stopped=True,
    )


def test_round_trip():
    record = full_record()
    assert decode_record(encode_record(record)) == record


def test_what_is_default_takes_no_room():
    record = msgspec.structs.replace(full_record(), status=Status.CREATED, pid=0, health=None)
    assert b"exit_code" not in encode_record(record)
    assert decode_record(encode_record(record)).finished_at == ZERO_TIME


def test_a_record_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        full_record().pid = 5


def test_running_means_a_live_process():
    record = full_record()
    assert record.is_running
    assert not msgspec.structs.replace(record, status=Status.RESTARTING).is_running


def test_a_damaged_document_is_refused():
    with pytest.raises(msgspec.MsgspecError):
        decode_record(b'{"id": 5}')
