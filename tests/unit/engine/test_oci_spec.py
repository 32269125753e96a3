"""config.json as a whole: what a plain run gives, and what each option changes."""

from __future__ import annotations

import json

from baleen.api import ContainerConfig, HostConfig
from baleen.engine.capability_sets import DEFAULT_CAPABILITIES
from baleen.engine.mounts_parse import MountRequest, ResolvedMount
from baleen.engine.oci_spec import (
    Facts,
    bounding_capabilities,
    build_exec_process,
    build_spec,
    with_default_paths,
)
from baleen.images.users import User
from baleen.runtime.id_mapping import IdMapping, IdMappings
from baleen.runtime.spec import parse_spec


def build(config=None, host=None, **changes) -> dict:
    base = {
        "path": "sh",
        "args": ["-c", "x"],
        "hostname": "box",
        "cgroup_path": "/baleen/1",
        "user": User(0, 0, (0, 10), "/root"),
    }
    return build_spec(
        ContainerConfig(**(config or {})), HostConfig(**(host or {})), Facts(**(base | changes))
    )


def kinds(spec) -> dict[str, str | None]:
    return {entry["type"]: entry.get("path") for entry in spec["linux"]["namespaces"]}


def test_the_runtime_takes_it():
    spec = build()
    parsed = parse_spec(json.loads(json.dumps(spec)))
    assert parsed.process is not None
    assert parsed.process.args == ("sh", "-c", "x")
    assert parsed.hostname == "box"
    parse_spec(
        json.loads(
            json.dumps(build(host={"privileged": True, "network_mode": "host", "pid_mode": "host"}))
        )
    )


def test_remapped_ids_are_a_user_namespace():
    ids = IdMappings((IdMapping(0, 100000, 65536),), (IdMapping(0, 7, 5), IdMapping(5, 90, 10)))
    spec = build(id_mappings=ids)
    assert kinds(spec)["user"] is None
    parsed = parse_spec(json.loads(json.dumps(spec)))
    assert parsed.id_mappings == ids
    assert spec["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 14"
    joined = build(id_mappings=ids, user_path="/proc/7/ns/user")
    assert kinds(joined)["user"] == "/proc/7/ns/user"
    plain = build()
    assert "user" not in kinds(plain)
    assert "uidMappings" not in plain["linux"]


def test_message_queues_of_the_host_are_not_mounted_in_a_user_namespace():
    ids = IdMappings((IdMapping(0, 100000, 65536),), (IdMapping(0, 100000, 65536),))
    for mode, mappings, has in (("host", ids, False), ("host", None, True), ("", ids, True)):
        spec = build(host={"ipc_mode": mode}, id_mappings=mappings)
        assert ("/dev/mqueue" in {m["destination"] for m in spec["mounts"]}) is has


def test_a_plain_run():
    spec = build()
    process, linux = spec["process"], spec["linux"]
    assert process["env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=box",
        "HOME=/root",
    ]
    assert process["cwd"] == "/"
    assert process["user"] == {"uid": 0, "gid": 0, "additionalGids": [0, 10]}
    assert process["capabilities"]["bounding"] == list(DEFAULT_CAPABILITIES)
    assert process["capabilities"]["ambient"] == []
    assert process["noNewPrivileges"] is False
    assert process["oomScoreAdj"] == 0
    own = ("mount", "network", "pid", "ipc", "uts", "time")
    assert kinds(spec) == dict.fromkeys(own)
    assert "time" not in kinds(build(has_time_namespaces=False))
    assert linux["cgroupsPath"] == "/baleen/1"
    assert linux["rootfsPropagation"] == "rprivate"
    assert linux["sysctl"] == {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": "0 2147483647",
    }
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/interrupts"} <= set(
        linux["maskedPaths"]
    )
    assert "/sys/devices/system/cpu/cpu0/thermal_throttle" in linux["maskedPaths"]
    assert linux["readonlyPaths"] == [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ]
    assert linux["resources"]["devices"][0] == {"allow": False, "access": "rwm"}
    assert spec["root"]["readonly"] is False


def test_every_processor_is_masked():
    masked = build(cpu_count=3)["linux"]["maskedPaths"]
    assert [path for path in masked if "thermal_throttle" in path] == [
        f"/sys/devices/system/cpu/cpu{number}/thermal_throttle" for number in range(3)
    ]


def test_environment_and_terminal():
    spec = build(
        {"tty": True, "env": ["PATH=/x", "HOME=/h", "A=b=c", "HOSTNAME"]},
        {"console_size": [24, 80]},
    )
    assert spec["process"]["env"] == ["PATH=/x", "TERM=xterm", "HOME=/h", "A=b=c"]
    assert spec["process"]["terminal"] is True
    assert spec["process"]["consoleSize"] == {"height": 24, "width": 80}


def test_an_ordinary_user_has_no_capability_in_effect():
    sets = build(user=User(1000, 1000, (1000,), "/home"))["process"]["capabilities"]
    assert sets["effective"] == sets["permitted"] == []
    assert sets["bounding"] == list(DEFAULT_CAPABILITIES)


def test_privileged():
    spec = build(host={"privileged": True})
    assert spec["linux"]["maskedPaths"] == spec["linux"]["readonlyPaths"] == []
    assert "CAP_SYS_ADMIN" in spec["process"]["capabilities"]["effective"]
    assert spec["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert bounding_capabilities(HostConfig()) == list(DEFAULT_CAPABILITIES)


def test_namespaces_of_the_host_and_of_others():
    assert kinds(
        build(
            host={
                "network_mode": "host",
                "pid_mode": "host",
                "ipc_mode": "host",
                "uts_mode": "host",
            }
        )
    ) == {"mount": None, "time": None}
    spec = build(host={"uts_mode": "host"})
    assert "hostname" not in spec
    joined = kinds(
        build(
            host={"network_mode": "container:x"},
            network_path="/proc/1/ns/net",
            pid_path="/proc/1/ns/pid",
        )
    )
    assert (joined["network"], joined["pid"]) == ("/proc/1/ns/net", "/proc/1/ns/pid")
    assert kinds(build(cgroup_version=2))["cgroup"] is None
    assert "cgroup" in kinds(build(host={"cgroupns_mode": "private"}))
    assert "cgroup" not in kinds(build(host={"cgroupns_mode": "host"}, cgroup_version=2))


def test_sysctls_of_a_shared_network_are_left_alone():
    assert build(host={"network_mode": "host"})["linux"]["sysctl"] == {}
    assert build(host={"network_mode": "container:x"})["linux"]["sysctl"] == {}
    own = build(host={"sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"}})["linux"][
        "sysctl"
    ]
    assert own["net.ipv4.ip_unprivileged_port_start"] == "1024"


def test_paths_can_be_chosen_or_unmasked():
    assert build(host={"masked_paths": ["/a"], "readonly_paths": []})["linux"]["maskedPaths"] == [
        "/a"
    ]
    spec = build(host={"security_opt": ["systempaths=unconfined", "no-new-privileges"]})
    assert spec["linux"]["maskedPaths"] == []
    assert spec["process"]["noNewPrivileges"] is True


def test_inspect_shows_the_paths_that_are_used():
    shown = with_default_paths(HostConfig())
    linux = build()["linux"]
    assert shown.masked_paths == linux["maskedPaths"]
    assert shown.readonly_paths == linux["readonlyPaths"]
    assert with_default_paths(HostConfig(privileged=True)).masked_paths == []
    assert with_default_paths(HostConfig(masked_paths=["/x"])).masked_paths == ["/x"]


def test_the_root_follows_the_propagation_of_binds():
    def propagation(kind):
        request = MountRequest(type="bind", source="/x", target="/x", propagation=kind)
        return build(mounts=[ResolvedMount(request, "/x")])["linux"]["rootfsPropagation"]

    assert [propagation(kind) for kind in ("", "private", "rslave", "slave", "shared")] == [
        "rprivate", "rprivate", "rslave", "rslave", "rshared",
    ]  # fmt: skip


def test_an_exec_inherits_and_overrides():
    container = build(
        {"env": ["A=1"], "tty": True}, {"console_size": [1, 2]}, user=User(5, 6, (6,), "/h")
    )["process"]
    plain = build_exec_process(
        container,
        command=["ls"],
        env=["B=2"],
        working_dir="",
        user=None,
        tty=False,
        privileged=False,
    )
    assert plain["args"] == ["ls"]
    assert plain["user"]["uid"] == 5
    assert plain["capabilities"]["effective"] == []
    assert {"A=1", "B=2"} <= set(plain["env"])
    assert plain["terminal"] is False
    assert "consoleSize" not in plain
    root = build_exec_process(
        container,
        command=["ls"],
        env=["A"],
        working_dir="/w",
        user=User(0, 0, (0,), "/root"),
        tty=True,
        privileged=True,
    )
    assert "CAP_SYS_ADMIN" in root["capabilities"]["effective"]
    assert (root["cwd"], root["user"]["uid"], root["terminal"]) == ("/w", 0, True)
    assert "HOME=/root" in root["env"]
    assert not any(entry.startswith("A=") for entry in root["env"])
    assert container["args"] == ["sh", "-c", "x"]
