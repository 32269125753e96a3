"""A create request as a whole."""

from __future__ import annotations

import pytest

from baleen.api import ContainerConfig, Empty, HealthConfig, HostConfig, PortBinding, RestartPolicy
from baleen.engine.host_checks import check_create
from baleen.engine.resource_checks import HostResources
from baleen.errors import InvalidArgument

HOST = HostResources(frozenset({0}), frozenset({0}))


def check(config=None, host=None) -> list[str]:
    return check_create(ContainerConfig(**(config or {})), HostConfig(**(host or {})), HOST)


@pytest.mark.parametrize(
    ("config", "host"),
    [
        ({}, {}),
        (
            {
                "hostname": "a.b-c_d",
                "working_dir": "/x",
                "env": ["A=", "B"],
                "stop_signal": "RTMIN+3",
            },
            {},
        ),
        ({}, {"pid_mode": "container:x", "ipc_mode": "shareable", "cgroupns_mode": "private"}),
        ({}, {"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=3)}),
        ({}, {"auto_remove": True, "restart_policy": RestartPolicy(name="no")}),
        (
            {},
            {
                "sysctls": {
                    "net.ipv4.ip_forward": "1",
                    "kernel.shmmax": "5",
                    "fs.mqueue.msg_max": "9",
                }
            },
        ),
        (
            {},
            {
                "dns": ["8.8.8.8", "::1"],
                "extra_hosts": ["a:1.2.3.4", "b:host-gateway", "c:[::1]", "d:::1"],
            },
        ),
        ({"exposed_ports": {"80/tcp": Empty(), "90-91/udp": Empty(), "7": Empty()}}, {}),
        (
            {"exposed_ports": {"80/tcp": Empty()}},
            {"network_mode": "container:x"},
        ),  # an image's EXPOSE
    ],
)
def test_good_requests(config, host):
    assert check(config, host) == []


def test_a_warning_for_ports_on_the_host_network():
    warnings = check(host={"network_mode": "host", "port_bindings": {"80/tcp": [PortBinding()]}})
    assert warnings == ["Published ports are discarded when using host network mode"]


@pytest.mark.parametrize(
    ("config", "host", "text"),
    [
        ({"hostname": "a b"}, {}, "invalid hostname format"),
        ({"hostname": "a" * 65}, {}, "invalid hostname format"),
        ({"hostname": "a\nb"}, {}, "invalid hostname format"),
        ({"domainname": "a" * 65}, {}, "invalid domain name"),
        ({"working_dir": "x"}, {}, "needs to be an absolute path"),
        ({"env": ["=x"]}, {}, "invalid environment variable: =..."),
        ({"env": ["A=b\0"]}, {}, "invalid environment variable: A=..."),
        ({"cmd": ["a\0b"]}, {}, "NUL"),
        ({"stop_signal": "x"}, {}, "invalid signal: x"),
        ({"stop_timeout": -2}, {}, "invalid stop timeout"),
        ({"exposed_ports": {"x": Empty()}}, {}, "invalid port specification"),
        (
            {"healthcheck": HealthConfig(interval=5)},
            {},
            "Interval in Healthcheck cannot be less than 1ms",
        ),
        ({"healthcheck": HealthConfig(test=["x"])}, {}, "in Healthcheck"),
        ({}, {"restart_policy": RestartPolicy(name="x")}, "unknown policy 'x'"),
        (
            {},
            {"restart_policy": RestartPolicy(name="always", maximum_retry_count=1)},
            "can only be used",
        ),
        (
            {},
            {"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=-1)},
            "negative",
        ),
        (
            {},
            {"restart_policy": RestartPolicy(name="always"), "auto_remove": True},
            "can't create 'AutoRemove'",
        ),
        ({}, {"pid_mode": "x"}, "invalid PID mode: x"),
        ({}, {"pid_mode": "container:"}, "invalid PID mode"),
        ({}, {"ipc_mode": "x"}, "invalid IPC mode: x"),
        ({}, {"uts_mode": "x"}, "invalid UTS mode: x"),
        ({}, {"userns_mode": "x"}, "invalid user mode: x"),
        ({}, {"cgroupns_mode": "x"}, "invalid cgroup namespace mode: x"),
        ({}, {"network_mode": "container:"}, "invalid network mode"),
        ({}, {"isolation": "hyperv"}, "invalid isolation"),
        (
            {"hostname": "x"},
            {"network_mode": "container:y"},
            "conflicting options: hostname and the network mode",
        ),
        ({"hostname": "x"}, {"uts_mode": "host"}, "conflicting options: hostname and the UTS mode"),
        (
            {},
            {"network_mode": "container:y", "dns": ["8.8.8.8"]},
            "conflicting options: dns and the network mode",
        ),
        (
            {},
            {"network_mode": "container:y", "publish_all_ports": True},
            "port publishing and the container type",
        ),
        (
            {},
            {"network_mode": "host", "links": ["a"]},
            "host type networking can't be used with links",
        ),
        ({}, {"oom_score_adj": 1001}, "range for oom score adj is [-1000, 1000]"),
        ({}, {"shm_size": -1}, "SHM size can not be less than 0"),
        ({}, {"storage_opt": {"size": "1"}}, "--storage-opt is supported only"),
        ({}, {"dns": ["1.2.3"]}, "invalid DNS address"),
        ({}, {"dns": ["010.0.0.1"]}, "invalid DNS address"),
        ({}, {"extra_hosts": ["x"]}, 'bad format for add-host: "x"'),
        ({}, {"extra_hosts": ["x:y"]}, 'invalid IP address in add-host: "y"'),
        ({}, {"extra_hosts": ["x\n1.1.1.1 evil:1.2.3.4"]}, "bad format for add-host"),
        ({}, {"sysctls": {"vm.swappiness": "1"}}, "is not allowed"),
        ({}, {"sysctls": {"kernel.core_pattern": "x"}}, "is not allowed"),
        ({}, {"sysctls": {"net/../kernel/core_pattern": "x"}}, "malformed"),
        (
            {},
            {"sysctls": {"net.x": "1"}, "network_mode": "host"},
            "not allowed in host network namespace",
        ),
        (
            {},
            {"sysctls": {"kernel.shmmax": "1"}, "ipc_mode": "host"},
            "not allowed in host ipc namespace",
        ),
        ({}, {"cap_add": ["x"]}, "invalid CapAdd: unknown capability"),
        ({}, {"security_opt": ["x"]}, "invalid --security-opt"),
        ({}, {"device_cgroup_rules": ["x"]}, "invalid device cgroup rule format"),
        ({}, {"memory": 1}, "Minimum memory limit"),
        ({"env": ["A=1"] * 70000}, {}, "more than 65536 entries"),
    ],
)
def test_bad_requests(config, host, text):
    with pytest.raises(InvalidArgument) as caught:
        check(config, host)
    assert text in str(caught.value)
