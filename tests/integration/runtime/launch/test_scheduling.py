"""Scheduling, personality and memory policy of a container's process, as the kernel has them."""

from __future__ import annotations

import ctypes
import os

import pytest

from baleen.runtime.launch import LaunchError


def _refused(runner, document, **keywords):
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio, **keywords).start()
    return str(caught.value)


def test_policy_and_nice_are_set_before_the_user_changes(runner):
    document = runner.document("sleep", "1000", user={"uid": 1000, "gid": 1000})
    # Below zero: an ordinary user could not.
    document["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": -3}
    container = runner.started(document=document)
    assert os.sched_getscheduler(container.pid) == os.SCHED_BATCH
    assert os.getpriority(os.PRIO_PROCESS, container.pid) == -3


def test_an_io_priority_is_set(runner):
    document = runner.document("sleep", "1000")
    document["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 2}
    container = runner.started(document=document)
    ioprio_get = {"x86_64": 252, "aarch64": 31}[os.uname().machine]
    assert ctypes.CDLL(None).syscall(ioprio_get, 1, container.pid) == 2 << 13 | 2


def test_a_scheduler_that_the_kernel_refuses_is_the_failure_of_the_start(runner):
    document = runner.document("true")
    document["process"]["scheduler"] = {
        "policy": "SCHED_DEADLINE",
        "runtime": 5000,
        "deadline": 2000,
        "period": 3000,
    }
    message = "cannot set the scheduler to SCHED_DEADLINE: invalid argument"
    assert _refused(runner, document) == message


def test_personality_and_memory_policy_are_the_processes_own(runner):
    document = runner.document(
        "sh", "-c", "grep -o -m 1 ' bind:0 ' /proc/self/numa_maps; cat /proc/self/personality"
    )
    document["linux"]["personality"] = {"domain": "LINUX32"}
    document["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0"}
    assert runner.run_document(document).out.split() == ["bind:0", "00000008"]


def test_memory_nodes_that_the_host_lacks_are_the_failure_of_the_start(runner):
    document = runner.document("true")
    document["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "900"}
    assert "set_mempolicy: invalid argument" in _refused(runner, document)


def test_an_exec_is_scheduled_as_asked(runner):
    container = runner.started()
    cpu = max(os.sched_getaffinity(0))
    result = runner.exec(
        container,
        "sh",
        "-c",
        "grep Cpus_allowed_list /proc/self/status; cat /proc/self/stat",
        cgroup=runner.cgroup(),
        execCPUAffinity={"initial": "0", "final": str(cpu)},
        scheduler={"policy": "SCHED_BATCH", "nice": -2},
    )
    first, stat = result.out.splitlines()
    assert first.split()[1] == str(cpu)
    fields = stat.rpartition(")")[2].split()
    assert (fields[16], fields[38]) == ("-2", "3")
