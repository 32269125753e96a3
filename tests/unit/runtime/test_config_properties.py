"""Every property of the OCI configuration schema has an effect here, or is refused by name.

`config_properties.txt` lists them all, as a walk over the schema finds them: "[]" is an entry of a
list, "*" a member of any name. Each is changed in a document that has everything; the outcome must
differ, or the change be refused with the property's name. The outcome is what later code sees: the
parsed document, the compiled filter, the writes to files of control groups.

Set BALEEN_OCI_SCHEMA to the schema directory of a runtime-spec to compare the list with it.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest

from baleen.errors import BaleenError
from baleen.linux.cgroup import LimitRefused, v1_limits, v2_limits
from baleen.linux.cgroup.files import GroupFiles
from baleen.linux.record import replace
from baleen.runtime.failure import LaunchError
from baleen.runtime.seccomp import compile_profile
from baleen.runtime.spec import parse_spec

PROPERTIES = (Path(__file__).parent / "config_properties.txt").read_text().split()
MAPPING = {"containerID": 0, "hostID": 1000, "size": 10}
THROTTLE = {"major": 8, "minor": 0, "rate": 9}
HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

FULL = {
    "ociVersion": "1.2.0",
    "hooks": {
        kind: [{"path": "/x", "args": ["a"], "env": ["A=b"], "timeout": 3}] for kind in HOOKS
    },
    "annotations": {"a": "b"},
    "hostname": "h",
    "domainname": "d",
    "mounts": [
        {
            "destination": "/data",
            "type": "bind",
            "source": "/source",
            "options": ["idmap"],
            "uidMappings": [dict(MAPPING)],
            "gidMappings": [dict(MAPPING)],
        }
    ],
    "root": {"path": "rootfs", "readonly": False},
    "process": {
        "args": ["a"],
        "consoleSize": {"height": 1, "width": 2},
        "cwd": "/",
        "env": ["A=b"],
        "terminal": False,
        "user": {"uid": 1, "gid": 2, "umask": 3, "additionalGids": [4]},
        "capabilities": {
            name: ["CAP_KILL"]
            for name in ("bounding", "permitted", "effective", "inheritable", "ambient")
        },
        "oomScoreAdj": 5,
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 1},
        "noNewPrivileges": False,
        "scheduler": {"policy": "SCHED_OTHER", "nice": 1, "flags": []},
        "rlimits": [{"type": "RLIMIT_CPU", "soft": 1, "hard": 2}],
        "execCPUAffinity": {"initial": "0", "final": "0"},
    },
    "linux": {
        "devices": [
            {
                "type": "c",
                "path": "/dev/x",
                "fileMode": 0o600,
                "major": 1,
                "minor": 2,
                "uid": 3,
                "gid": 4,
            }
        ],
        "netDevices": {"eth0": {"name": "in0"}},
        "uidMappings": [dict(MAPPING)],
        "gidMappings": [dict(MAPPING)],
        "namespaces": [
            {"type": "network", "path": "/x"},
            *({"type": kind} for kind in ("mount", "user", "uts", "time", "pid", "ipc")),
        ],
        "resources": {
            "unified": {"memory.high": "5"},
            "devices": [{"allow": False, "type": "c", "major": 1, "minor": 2, "access": "r"}],
            "pids": {"limit": 5},
            "blockIO": {
                "weight": 100,
                "leafWeight": 100,
                "throttleReadBpsDevice": [dict(THROTTLE)],
                "throttleWriteBpsDevice": [dict(THROTTLE)],
                "throttleReadIOPSDevice": [dict(THROTTLE)],
                "throttleWriteIOPSDevice": [dict(THROTTLE)],
                "weightDevice": [{"major": 8, "minor": 0, "weight": 100, "leafWeight": 100}],
            },
            "cpu": {
                "cpus": "0",
                "mems": "0",
                "period": 1000,
                "quota": 500,
                "burst": 10,
                "realtimePeriod": 1000,
                "realtimeRuntime": 500,
                "shares": 512,
                "idle": 1,
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 5}],
            "memory": {
                "kernel": 50,
                "kernelTCP": 50,
                "limit": 100,
                "reservation": 50,
                "swap": 200,
                "swappiness": 5,
                "disableOOMKiller": True,
                "useHierarchy": False,
                "checkBeforeUpdate": True,
            },
            "network": {"classID": 5, "priorities": [{"name": "eth0", "priority": 1}]},
            "rdma": {"mlx": {"hcaHandles": 1, "hcaObjects": 2}},
        },
        "cgroupsPath": "/x",
        "rootfsPropagation": "private",
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 5,
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/agent",
            "listenerMetadata": "x",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                {
                    "names": ["mmap"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 7,
                    "args": [{"index": 1, "value": 6, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}],
                },
                {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"},
            ],
        },
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "maskedPaths": ["/x"],
        "readonlyPaths": ["/x"],
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": []},
        "personality": {"domain": "LINUX"},
        "timeOffsets": {
            "boottime": {"secs": 1, "nanosecs": 2},
            "monotonic": {"secs": 3, "nanosecs": 4},
        },
    },
}

# What has no plain "other" value: numbers are counted up, booleans turned, objects removed.
OTHER = {
    "ociVersion": "2.0.0",
    "annotations": {"a": "c"},
    "mounts": [],
    "mounts[].destination": "/other",
    "mounts[].source": "/other",
    "mounts[].type": "proc",
    "mounts[].options": ["ridmap"],
    "process.args": ["b"],
    "process.cwd": "/b",
    "process.env": ["A=c"],
    "process.ioPriority.class": "IOPRIO_CLASS_IDLE",
    "process.scheduler.policy": "SCHED_BATCH",
    "process.scheduler.flags": ["SCHED_FLAG_RESET_ON_FORK"],
    "process.rlimits": [],
    "process.rlimits[].type": "RLIMIT_AS",
    "process.execCPUAffinity.initial": "1",
    "process.execCPUAffinity.final": "1",
    "linux.devices": [],
    "linux.devices[].type": "b",
    "linux.devices[].path": "/dev/y",
    "linux.namespaces[].type": "cgroup",
    "linux.namespaces[].path": "/y",
    "linux.resources.unified": {"memory.high": "6"},
    "linux.resources.devices[].type": "b",
    "linux.resources.devices[].access": "rw",
    "linux.resources.cpu.cpus": "1",
    "linux.resources.cpu.shares": 100_000,
    "linux.resources.cpu.mems": "1",
    "linux.resources.hugepageLimits[].pageSize": "1GB",
    "linux.resources.network.priorities[].name": "eth1",
    "linux.rootfsPropagation": "slave",
    "linux.seccomp.defaultAction": "SCMP_ACT_TRACE",
    "linux.seccomp.flags": [],
    "linux.seccomp.architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "linux.seccomp.syscalls[].names": ["munmap"],
    "linux.seccomp.syscalls[].action": "SCMP_ACT_TRACE",
    "linux.seccomp.syscalls[].args[].op": "SCMP_CMP_EQ",
    "linux.sysctl": {"net.ipv4.ip_forward": "0"},
    "linux.maskedPaths": ["/y"],
    "linux.readonlyPaths": ["/y"],
    "linux.memoryPolicy.mode": "MPOL_INTERLEAVE",
    "linux.memoryPolicy.nodes": "1",
    "linux.memoryPolicy.flags": ["MPOL_F_STATIC_NODES"],
    "linux.personality.domain": "LINUX32",
}
# Documents in which the property can stand at all.
INSTEAD = {
    "process.scheduler.priority": {"process.scheduler": {"policy": "SCHED_RR", "priority": 1}},
    **{
        f"process.scheduler.{key}": {
            "process.scheduler": {
                "policy": "SCHED_DEADLINE",
                "runtime": 1,
                "deadline": 2,
                "period": 3,
            }
        }
        for key in ("runtime", "deadline", "period")
    },
}
REFUSED = {
    "process.commandLine": "x",
    "process.user.username": "x",
    # Where the module is at work, no label is taken that holds a line break.
    "process.apparmorProfile": "x\n",
    "process.selinuxLabel": "x\n",
    "linux.mountLabel": "x\n",
    "linux.personality.flags": ["x"],
    **{
        f"linux.intelRdt.{key}": value
        for key, value in (
            ("closID", "x"),
            ("schemata", ["x"]),
            ("l3CacheSchema", "x"),
            ("memBwSchema", "MB:0=1"),
            ("enableMonitoring", True),
        )
    },
    "linux.intelRdt": {"closID": "x"},
    **{name: {"x": 1} for name in ("solaris", "windows", "vm", "zos", "freebsd")},
}
# The kernel's own behaviour on version 1 is what it asks for.
OF_THE_KERNEL = {(1, "linux.resources.memory.checkBeforeUpdate")}
RESOURCES = [name for name in PROPERTIES if name.startswith("linux.resources.")]


def _place(document, path):
    """(container, key) of what `path` names in the document."""
    current, key = {"": document}, ""
    for part in path.split("."):
        name = part.removesuffix("[]")
        current, key = current[key], next(iter(current[key])) if name == "*" else name
        if part.endswith("[]"):
            current, key = current[key], 0
    return current, key


def _other(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}2"
    return None


def _changed(document, path):
    document = copy.deepcopy(document)
    holder, key = _place(document, path)
    holder[key] = copy.deepcopy(OTHER.get(path, _other(holder[key])))
    if holder[key] is None:
        del holder[key]
    return document


def _outcome(document):
    try:
        spec = parse_spec(document)
        program = b""
        if spec.seccomp is not None:
            program = compile_profile(
                spec.seccomp, capabilities=(), arch="x86_64", kernel=(6, 0), listener=True
            )
    except (LaunchError, BaleenError) as error:
        return str(error)
    return replace(spec, resources={}, seccomp=None), program, bool(spec.resources)


@pytest.mark.parametrize("path", [name for name in PROPERTIES if name not in RESOURCES])
def test_each_property_has_an_effect_or_is_refused_by_name(path):
    if path in REFUSED:
        document = copy.deepcopy(FULL)
        parent = path.rpartition(".")[0]
        if parent == "linux.intelRdt":
            document["linux"]["intelRdt"] = {}
        holder, key = _place(document, path)
        holder[key] = REFUSED[path]
        outcome = _outcome(document)
        assert isinstance(outcome, str)
        assert path.split(".")[1 if parent.startswith("linux.intel") else -1] in outcome
        return
    document = copy.deepcopy(FULL)
    for where, value in INSTEAD.get(path, {}).items():
        holder, key = _place(document, where)
        holder[key] = value
    before = _outcome(document)
    assert not isinstance(before, str), before
    after = _outcome(_changed(document, path))
    # A refusal counts too: a change that does not go with the rest has been seen.
    assert after != before


class Recording(GroupFiles):
    """Files of a control group that has each that is asked for, and remembers what is written."""

    def __init__(self):
        super().__init__({})
        self.writes = []

    def directory(self, controller, file):
        return f"/{controller}"

    def set(self, controller, file, *values):
        self.writes.append((controller, file, values))

    def offers(self, controller, file):
        return "rsvd" not in file

    def number(self, controller, file, default):
        return 1 << 30 if file == "memory.current" else default

    def text(self, controller, file):
        return ""


def _writes(version, resources):
    files = Recording()
    try:
        if version == 1:
            v1_limits.apply(files, resources, fresh=True)
        else:
            rules = resources.pop("devices", None)
            if rules is not None:
                from baleen.linux.cgroup.device_program import device_program
                from baleen.linux.cgroup.devices import evaluate

                files.set("devices", "program", device_program(evaluate(rules)))
            v2_limits.apply(files, "/nowhere", resources)
    except LimitRefused as error:
        return str(error)
    return files.writes


def _alone(path):
    """A document with nothing but this property, and what it cannot be without."""
    parts = path.split(".")[2:]
    name = parts[0].removesuffix("[]")
    section = copy.deepcopy(FULL["linux"]["resources"][name])
    if isinstance(section, dict) and name not in ("unified", "rdma") and len(parts) > 1:
        key = parts[1].removesuffix("[]")
        needed = {"checkBeforeUpdate": ["limit"], "swap": ["limit"], "weightDevice": []}
        section = {member: section[member] for member in [key, *needed.get(key, [])]}
        if path.endswith("[].weight"):
            del section[key][0]["leafWeight"]
        elif path.endswith("[].leafWeight"):
            del section[key][0]["weight"]
    return {"linux": {"resources": {name: section}}}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("path", RESOURCES)
def test_each_limit_is_written_or_refused(path, version):
    document = _alone(path)
    with_it = _writes(version, copy.deepcopy(document)["linux"]["resources"])
    changed = _writes(version, _changed(document, path)["linux"]["resources"])
    if isinstance(with_it, str):
        assert with_it
    elif (version, path) not in OF_THE_KERNEL:
        assert with_it != changed, with_it


def test_the_lists_name_nothing_that_is_not_there():
    for name in (*OTHER, *INSTEAD, *REFUSED):
        assert name in PROPERTIES, name


def _walk(directory, file, node, path, found):
    if "$ref" in node:
        name, _, fragment = node["$ref"].partition("#")
        target = name or file
        inner = json.loads((directory / target).read_text())
        for part in filter(None, fragment.split("/")):
            inner = inner[part]
        _walk(directory, target, inner, path, found)
    for part in (*node.get("allOf", ()), *node.get("anyOf", ())):
        _walk(directory, file, part, path, found)
    for name, inner in node.get("properties", {}).items():
        place = f"{path}.{name}".lstrip(".")
        found.setdefault(place)
        if place not in ("solaris", "windows", "vm", "zos", "freebsd"):
            _walk(directory, file, inner, place, found)
    if "items" in node:
        _walk(directory, file, node["items"], f"{path}[]", found)
    if isinstance(node.get("additionalProperties"), dict):
        _walk(directory, file, node["additionalProperties"], f"{path}.*", found)


@pytest.mark.skipif("BALEEN_OCI_SCHEMA" not in os.environ, reason="no schema given to compare")
def test_the_list_is_that_of_the_schema():
    directory = Path(os.environ["BALEEN_OCI_SCHEMA"])
    found = {}
    schema = json.loads((directory / "config-schema.json").read_text())
    _walk(directory, "config-schema.json", schema, "", found)
    assert list(found) == PROPERTIES
