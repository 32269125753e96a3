"""Subjects without a container: the OCI document that a start would write, and chosen facts."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, HostConfig, MountPoint
from baleen.containers.record import ContainerRecord
from baleen.engine.explaining.live_process import LiveProcess
from baleen.engine.explaining.mountinfo import parse_mountinfo
from baleen.engine.explaining.subject import Subject
from baleen.engine.mounts_parse import MountRequest, ResolvedMount
from baleen.engine.oci_spec import Facts, build_spec
from baleen.images.users import User

HOST_NAMESPACES = {
    kind: f"{kind}:[1]"
    for kind in ("mount", "pid", "network", "ipc", "uts", "user", "cgroup", "time")
}
STATUS = {
    "Uid": "0\t0\t0\t0",
    "Gid": "0\t0\t0\t0",
    "Groups": "0 10",
    "NSpid": "4000\t1",
    "PPid": "3999",
    "NoNewPrivs": "0",
    "Seccomp": "2",
    "Seccomp_filters": "1",
    "CapBnd": "00000000a80425fb",
    "CapEff": "00000000a80425fb",
    "CapPrm": "00000000a80425fb",
    "CapInh": "0000000000000000",
    "CapAmb": "0000000000000000",
}


@pytest.fixture
def make_subject():
    def make(
        *,
        host=None,
        config=None,
        facts=None,
        points=(),
        mountinfo=None,
        status=None,
        namespaces=None,
        joined=None,
        neighbours=(),
    ):
        points = [MountPoint(**point) for point in points]
        requests = [
            ResolvedMount(
                MountRequest(
                    type=point.type,
                    source=point.name or point.source,
                    target=point.destination,
                    read_only=not point.rw,
                ),
                point.source,
            )
            for point in points
        ]
        chosen_host = HostConfig(**({"network_mode": "bridge"} | (host or {})))
        chosen_config = ContainerConfig(**(config or {}))
        base = {
            "path": "sh",
            "args": [],
            "hostname": "box",
            "cgroup_path": "/baleen/1",
            "user": User(0, 0, (0, 10), "/root"),
            "hosts_path": "/state/hosts",
            "mounts": requests,
            "cpu_count": 2,
        }
        oci = build_spec(chosen_config, chosen_host, Facts(**(base | (facts or {}))))
        record = ContainerRecord(
            id="f" * 64,
            name="web",
            created="",
            path="sh",
            args=[],
            image_id="sha256:" + "0" * 64,
            config=chosen_config,
            host_config=chosen_host,
            mounts=points,
        )
        live = None
        if mountinfo is not None or status is not None or namespaces is not None:
            live = LiveProcess(
                pid=4000,
                status=STATUS | (status or {}),
                mounts=parse_mountinfo(mountinfo or ""),
                namespaces=HOST_NAMESPACES | (namespaces or {}),
                host_namespaces=HOST_NAMESPACES,
                limits={"Max open files": ("100", "200")},
                parent_name="baleen-shim",
            )
        return Subject(
            record=record, oci=oci, live=live, joined=joined or {}, neighbours=neighbours
        )

    return make
