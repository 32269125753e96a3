from __future__ import annotations

import copy
import json

import pytest

from baleen.api.explanation import (
    ExplainedCapability,
    ExplainedCgroup,
    ExplainedCgroupPath,
    ExplainedDevice,
    ExplainedInterface,
    ExplainedLayer,
    ExplainedLimit,
    ExplainedMount,
    ExplainedNamespace,
    ExplainedNetwork,
    ExplainedPath,
    ExplainedPort,
    ExplainedProcess,
    ExplainedRlimit,
    ExplainedRoute,
    ExplainedRule,
    ExplainedSeccomp,
    ExplainedSupervisor,
    ExplainedSyscall,
    ExplainedSyscallGroup,
    ExplainedSysctl,
    Explanation,
)
from baleen.api.wire import encode
from baleen.cli.explanation import render

FULL = Explanation(
    id="ab" * 32,
    name="web",
    image="busybox",
    image_id="sha256:" + "1" * 64,
    status="running",
    weaknesses=["Something is open."],
    namespaces=[
        ExplainedNamespace(
            type="network", id="net:[7]", scope="container", shared_with=["db"], isolates="ports",
            why="Shared.", see="network_namespaces(7)",
        ),
        ExplainedNamespace(type="user", id="user:[1]", scope="host", isolates="ids", why="Host."),
    ],
    layers=[
        ExplainedLayer(role="writable", directory="/active/upper"),
        ExplainedLayer(
            role="image", directory="/l/1", digest="sha256:" + "2" * 64, size=2048,
            unpacked_size=4096, created_by="RUN x",
        ),
    ],
    mounts=[
        ExplainedMount(target="/", type="overlay", source="overlay", options=["rw"], kind="root",
                       why="Layers."),
        ExplainedMount(target="/sys/fs/cgroup", type="tmpfs", kind="default", why="Groups."),
        ExplainedMount(target="/sys/fs/cgroup/pids", type="cgroup", kind="cgroup", why="Own."),
        ExplainedMount(target="/proc/keys", type="tmpfs", kind="mask", why="Masks."),
        ExplainedMount(target="/d", type="ext4", source="/srv", kind="user", why="Asked.",
                       propagation="shared:4"),
    ],
    paths=[
        ExplainedPath(path="/proc/keys", protection="masked", state="in force", why="Keys.",
                      see="keyrings(7)"),
        ExplainedPath(path="/cpu0", protection="masked", state="absent", why="Heat."),
        ExplainedPath(path="/cpu1", protection="masked", state="absent", why="Heat."),
        ExplainedPath(path="/proc/sys", protection="read-only", state="missing", why="Settings."),
    ],
    process=ExplainedProcess(
        pid=4000, pid_inside=1, args=["sleep", "1000"], init=True, uid=0, groups=[0, 10],
        user_why="Root.", no_new_privileges_why="Gains.", oom_why="Killed.",
        rlimits=[
            ExplainedRlimit(name="nofile", soft="1", hard="2", inherited=False, limits="files")
        ],
        supervisor=ExplainedSupervisor(
            pid=3999, name="baleen-shim", directory="/run/x", why="Sup.",
        ),
    ),
    capabilities=[
        ExplainedCapability(name="CAP_CHOWN", bounding=True, effective=True, default=True,
                            allows="chown"),
        ExplainedCapability(name="CAP_SYS_ADMIN", bounding=True, allows="much"),
        ExplainedCapability(name="CAP_KILL", default=True, allows="kill"),
    ],
    seccomp=ExplainedSeccomp(
        mode="filter", profile="builtin", program="f" * 64, architecture="x86_64",
        default_action="EPERM", allowed=300, why="Filter.",
        refused=[
            ExplainedSyscallGroup(
                title="mounting", why="Mounts.", see="mount(2)",
                syscalls=[
                    ExplainedSyscall(name="mount", action="EPERM", allowed_with=["CAP_SYS_ADMIN"]),
                    ExplainedSyscall(name="listns", action="ENOSYS"),
                ],
            )
        ],
        conditional=[
            ExplainedSyscall(name="clone", action="EPERM", rules=["arg0 == 0: allow"], why="No ns.")
        ],
    ),
    cgroup=ExplainedCgroup(
        paths=[
            ExplainedCgroupPath(controllers=["memory"], path="/b/1", directory="/cg/memory/b/1"),
            ExplainedCgroupPath(path="/b/1", directory="/cg/unified/b/1"),
        ],
        limits=[ExplainedLimit(name="memory", limit="64 MiB", usage="1 MiB", why="RAM.")],
        devices=[ExplainedDevice(allow=True, rule="c 1:3 rwm", why="/dev/null")],
    ),
    network=ExplainedNetwork(
        mode="bridge", why="Own.", dns="Servers.",
        interfaces=[
            ExplainedInterface(name="eth0", mac="02:42", mtu=1500, addresses=["172.17.0.2/16"],
                               network="bridge", bridge="baleen0", host_name="veth1", why="Pair.")
        ],
        routes=[ExplainedRoute(to="0.0.0.0/0", via="172.17.0.1", interface="eth0"),
                ExplainedRoute(to="172.17.0.0/16", interface="eth0")],
        ports=[ExplainedPort(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80)],
        rules=[ExplainedRule(rule="map published", why="Led.")],
    ),
    sysctls=[ExplainedSysctl(name="net.x", value="0", why="Ping.")],
)  # fmt: skip


@pytest.fixture
def found():
    return json.loads(encode(FULL))


def show(found, *, width=100, colour=False):
    return render(found, width=width, colour=colour)


@pytest.mark.parametrize(
    "text",
    [
        "name        web (abababababab)",
        "process     4000 on the host, 1 inside",
        "init is PID 1",
        "- Something is open.",
        "another container's, shared with db (net:[7]). Isolates ports.",
        "Shared. See: network_namespaces(7).",
        "user        the host's (user:[1])",
        "1 writable  /active/upper",
        "blob 2 KiB, unpacked 4 KiB",
        "by: RUN x",
        "ext4 from /srv (shared:4)",
        "pids: Own.",
        "And 1 that mask or protect paths",
        "/proc/keys (masked)",
        "Keys. See: keyrings(7).",
        "/cpu0 and 1 more like it (masked; this kernel has no such path)",
        "/proc/sys (NOT read-only: unmounted, covered, or new since the start)",
        "uid 0, gid 0, groups 0, 10. Root.",
        "In effect now: CAP_CHOWN.",
        "kept (2 of 3):",
        "SYS_ADMIN *",
        "dropped (1 of 3):",
        "300 of x86_64 are always allowed, 1 by their arguments, 2 are refused",
        "arg0 == 0: allow; else EPERM. No ns.",
        "mounting: mount listns (ENOSYS)",
        "The profile allows them, or some, with CAP_SYS_ADMIN.",
        "in the hierarchies memory, unified",
        "memory  64 MiB  1 MiB  RAM.",
        "allow  c 1:3 rwm  /dev/null",
        "network bridge, bridge baleen0, veth1 on the host",
        "0.0.0.0/0 via 172.17.0.1 dev eth0",
        "172.17.0.0/16 on the link dev eth0",
        "0.0.0.0:8080 leads to 80/tcp",
        "net.x=0  Ping.",
        "nofile *  1  2  files",
        "in 3999 (baleen-shim), /run/x",
    ],
)
def test_what_is_said_of_a_running_container(found, text):
    assert text in show(found)


@pytest.mark.parametrize("width", [50, 72, 100])
def test_no_line_is_too_wide(found, width):
    assert max(map(len, show(found, width=width).splitlines())) <= width


def test_a_plan_says_that_it_is_one(found):
    plan = copy.deepcopy(found) | {"Source": "plan", "Status": "exited"}
    plan["Problems"] = ["no such network"]
    plan["Warnings"] = ["ports are discarded"]
    text = show(plan)
    assert "It does not run." in text
    assert "A START WOULD FAIL\n  - no such network" in text
    assert "WARNINGS\n  - ports are discarded" in text
    assert "USED" not in text
    assert "score now" not in text
    dry = plan | {"Status": "dry-run", "Id": "", "Name": "", "Problems": [], "Warnings": []}
    assert "nothing was." in show(dry)
    assert "  name " not in show(dry)
    assert "WOULD FAIL" not in show(dry)


def test_what_is_not_there_is_said(found):
    bare = found | {"Paths": [], "Weaknesses": []}
    bare["Seccomp"] = {"Mode": "disabled", "Why": "No filter.", "DefaultAction": ""}
    text = show(bare)
    assert "None: everything of /proc and /sys is open" in text
    assert "disabled. No filter." in text
    assert "LESS ISOLATED" not in text


def test_ids_that_are_mapped(found):
    found["Process"]["UidMap"] = ["0 100000 65536"]
    assert "uid 0 inside is 100000 outside (65536 of them)" in show(found)


def test_an_ordinary_user_has_no_capability_in_effect(found):
    for item in found["Capabilities"]:
        item["Effective"] = False
    assert "None is in effect now" in show(found)


def test_text_of_strangers_cannot_steer_a_terminal(found):
    found["Mounts"][4]["Source"] = "/srv/\x1b[2J"
    found["Process"]["Args"] = ["a\nFORGED HEADING"]
    text = show(found)
    assert "\x1b" not in text
    assert "\nFORGED" not in text
    assert "\x1b[1mNAMESPACES\x1b[0m" in show(found, colour=True)
