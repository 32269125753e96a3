"""Shared and joined namespaces; restarts in one supervisor; what the parent keeps."""

from __future__ import annotations

import os

import pytest

from baleen.linux import process as linux_process
from baleen.runtime import launch
from baleen.runtime.launch import LaunchError
from baleen.runtime.spec import parse_spec

NAMES = {"network": "net", "uts": "uts", "ipc": "ipc", "pid": "pid"}


def _namespaces(document, **paths):
    """Drop a namespace whose path is None, join one by its path."""
    kept = []
    for entry in document["linux"]["namespaces"]:
        kind = entry["type"]
        if kind not in paths:
            kept.append(entry)
        elif paths[kind] is not None:
            kept.append({"type": kind, "path": paths[kind]})
    document["linux"]["namespaces"] = kept
    return document


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_an_absent_namespace_is_the_hosts(runner, kind):
    document = _namespaces(
        runner.document("readlink", f"/proc/self/ns/{NAMES[kind]}"), **{kind: None}
    )
    if kind == "uts":
        del document["hostname"]
    if kind == "network":
        del document["linux"]["sysctl"]
    result = runner.run_document(document)
    assert result.out.strip() == os.readlink(f"/proc/self/ns/{NAMES[kind]}")


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_a_namespace_can_be_joined_by_its_path(runner, kind):
    first = runner.started()
    path = f"/proc/{first.pid}/ns/{NAMES[kind]}"
    document = _namespaces(
        runner.document("readlink", f"/proc/self/ns/{NAMES[kind]}"), **{kind: path}
    )
    del document["hostname"]
    assert runner.run_document(document).out.strip() == os.readlink(path)


def test_a_shared_pid_namespace_shows_the_others_processes_and_none_of_ours(runner):
    first = runner.started()
    document = _namespaces(
        runner.document("sh", "-c", "ps -o comm,args; echo $$; exit 5"),
        pid=f"/proc/{first.pid}/ns/pid",
    )
    result = runner.run_document(document)
    assert "sleep" in result.out
    assert "python" not in result.out
    assert result.code == 5
    assert linux_process.wait_pidfd(first.pidfd.fileno(), block=False) is None


def test_a_path_of_another_kind_is_refused(runner):
    document = _namespaces(runner.document("true"), ipc=f"/proc/{os.getpid()}/ns/uts")
    with pytest.raises(LaunchError, match="joining namespaces"), runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio)
    document = _namespaces(runner.document("true"), ipc="/no/such")
    with pytest.raises(LaunchError, match="cannot join the ipc namespace /no/such"):
        runner.started(document=document)


def test_one_parent_can_start_container_after_container(runner):
    own = os.readlink("/proc/self/ns/pid")
    for _ in range(3):
        assert runner.sh("echo $$").out == "1\n"
        assert os.readlink("/proc/self/ns/pid_for_children") == own


def test_a_network_namespace_exists_before_the_container_is_ready(runner):
    null = os.open(os.devnull, os.O_RDWR)
    container = runner.create(runner.document("true"), stdio=launch.Stdio(null, null, null))
    os.close(null)
    assert os.readlink(f"/proc/self/fd/{container.netns.fileno()}").startswith("net:")
    assert os.fstat(container.netns.fileno()).st_ino != os.stat("/proc/self/ns/net").st_ino
    container.wait_ready()
    container.wait_ready()


def test_a_container_that_is_not_started_can_be_abandoned(runner):
    null = os.open(os.devnull, os.O_RDWR)
    container = runner.create(runner.document("true"), stdio=launch.Stdio(null, null, null))
    os.close(null)
    container.abandon()
    container.abandon()
    assert not os.path.exists(f"/proc/{container.pid}")


def test_a_time_namespace_is_made_when_asked(runner):
    if not os.path.exists("/proc/self/ns/time"):
        pytest.skip("the kernel has no time namespaces")
    document = runner.document("readlink", "/proc/self/ns/time")
    document["linux"]["namespaces"].append({"type": "time"})
    assert runner.run_document(document).out.strip() != os.readlink("/proc/self/ns/time")
    assert os.readlink("/proc/self/ns/time_for_children") == os.readlink("/proc/self/ns/time")


def test_a_container_without_a_process_is_refused(runner):
    document = runner.document("true")
    del document["process"]
    with pytest.raises(LaunchError, match="no process"):
        launch.create(parse_spec(document), bundle="/", rootfs=runner.rootfs)


@pytest.mark.parametrize("shared", [False, True])
def test_clocks_are_moved_as_asked(runner, shared):
    document = runner.document("cat", "/proc/self/timens_offsets", "/proc/uptime")
    namespaces = document["linux"]["namespaces"]
    namespaces.append({"type": "time"})
    if shared:
        next(entry for entry in namespaces if entry["type"] == "pid")["path"] = "/proc/self/ns/pid"
    document["linux"]["timeOffsets"] = {
        "boottime": {"secs": 1_000_000},
        "monotonic": {"secs": 5, "nanosecs": 7},
    }
    lines = runner.run_document(document).out.splitlines()
    assert lines[0].split() == ["monotonic", "5", "7"]
    assert lines[1].split() == ["boottime", "1000000", "0"]
    assert float(lines[2].split()[0]) > 1_000_000
    with open("/proc/self/timens_offsets") as file:
        assert file.read().split() == ["monotonic", "0", "0", "boottime", "0", "0"]


def test_clocks_that_the_kernel_refuses_are_told(runner):
    document = runner.document("true")
    document["linux"]["namespaces"].append({"type": "time"})
    document["linux"]["timeOffsets"] = {"boottime": {"secs": -(2**62)}}
    with pytest.raises(LaunchError, match=r"cannot set linux\.timeOffsets: numerical"):
        runner.run_document(document)


@pytest.mark.parametrize(
    ("kind", "name", "sysctl"),
    [
        ("network", "net", "net.ipv4.ip_forward"),
        ("ipc", "ipc", "kernel.shmmax"),
        ("uts", "uts", "kernel.domainname"),
    ],
)
def test_a_sysctl_cannot_reach_the_host_by_a_path_to_its_namespace(runner, kind, name, sysctl):
    document = runner.document("true")
    document.pop("hostname")
    document["linux"]["sysctl"] = {sysctl: "1"}
    entry = next(item for item in document["linux"]["namespaces"] if item["type"] == kind)
    entry["path"] = f"/proc/self/ns/{name}"
    with pytest.raises(LaunchError, match=f'sysctl "{sysctl}" is not allowed in the {kind}'):
        runner.run_document(document)
