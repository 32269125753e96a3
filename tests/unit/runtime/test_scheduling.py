"""What a document may ask of the scheduler, and what the kernel then says of the process."""

import os

import pytest

from baleen.linux.scheduler import SchedAttributes
from baleen.linux.script import sealed
from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.process_script import ProcessScript
from baleen.runtime.process_spec import parse_process
from baleen.runtime.scheduling import Scheduling, parse_scheduling


def parse(**process):
    return parse_scheduling(Fields(process, "process."))


def test_a_policy_has_the_fields_that_belong_to_it():
    policy = parse(scheduler={"policy": "SCHED_BATCH", "nice": 5}).policy
    assert policy == ("SCHED_BATCH", SchedAttributes(3, nice=5))
    flags = ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"]
    deadline = {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3}
    assert parse(scheduler={**deadline, "flags": flags}).policy == (
        "SCHED_DEADLINE",
        SchedAttributes(6, flags=3, runtime_ns=1, deadline_ns=2, period_ns=3),
    )
    fifo = {"policy": "SCHED_FIFO", "priority": 99}
    assert parse(scheduler=fifo).policy == ("SCHED_FIFO", SchedAttributes(1, priority=99))


def test_io_priority_and_cpus():
    scheduling = parse(
        ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 7},
        execCPUAffinity={"initial": "0-1, 3", "final": ""},
    )
    assert scheduling == Scheduling(None, (3, 7), frozenset({0, 1, 3}), frozenset())


@pytest.mark.parametrize(
    ("process", "text"),
    [
        ({"scheduler": {}}, "process.scheduler.policy"),
        ({"scheduler": {"policy": "SCHED_ISO"}}, "not one that Linux has"),
        ({"scheduler": {"policy": "SCHED_FIFO", "nice": 1, "priority": 1}}, "nice needs"),
        ({"scheduler": {"policy": "SCHED_FIFO"}}, "needs one from 1 to 99"),
        ({"scheduler": {"policy": "SCHED_RR", "priority": 100}}, "process.scheduler.priority"),
        ({"scheduler": {"policy": "SCHED_OTHER", "nice": 20}}, "process.scheduler.nice"),
        ({"scheduler": {"policy": "SCHED_OTHER", "priority": 1}}, "priority needs"),
        ({"scheduler": {"policy": "SCHED_OTHER", "period": 1}}, "period needs"),
        ({"scheduler": {"policy": "SCHED_OTHER", "flags": ["X"]}}, "'X' is not a flag"),
        (
            {"scheduler": {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_UTIL_CLAMP_MIN"]}},
            "needs a value",
        ),
        ({"ioPriority": {"class": "x"}}, "'x' is not an I/O class"),
        ({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}, "ioPriority.priority"),
        ({"execCPUAffinity": {"final": "x"}}, "process.execCPUAffinity.final"),
        ({"execCPUAffinity": {"initial": "3-1"}}, "process.execCPUAffinity.initial"),
    ],
)
def test_what_cannot_be_is_refused_by_name(process, text):
    with pytest.raises(LaunchError) as caught:
        parse(**process)
    assert text in str(caught.value)
    assert caught.value.stage == "spec"


def _in_a_child(body):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if body() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run(scheduling, *args):
    """What a script with these steps, and then a program, writes, or its failure."""
    reader, writer = os.pipe()
    steps = ProcessScript()
    scheduling.append_initial_cpus(steps)
    scheduling.append_final_cpus(steps)
    scheduling.append(steps)
    process = parse_process({"args": list(args), "cwd": "/", "env": ["PATH=/bin:/usr/bin"]})
    steps.execute(prepare(process, Stdio(0, 1, 2), None))
    with sealed(steps.script.image(writer), "test") as image:
        pid = os.posix_spawn(
            f"/proc/self/fd/{image.fileno()}",
            ["test"],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_DUP2, writer, writer),
            ],
        )
    os.close(writer)
    _, status = os.waitpid(pid, 0)
    data = os.read(reader, 4096)
    os.close(reader)
    return data.decode() if os.waitstatus_to_exitcode(status) == 0 else steps.failure(data)


def test_a_script_takes_all_of_it():
    cpu = max(os.sched_getaffinity(0))
    scheduling = parse(
        scheduler={"policy": "SCHED_BATCH", "nice": 7},
        ioPriority={"class": "IOPRIO_CLASS_IDLE"},
        execCPUAffinity={"initial": "0", "final": str(cpu)},
    )
    fields = _run(scheduling, "cat", "/proc/self/stat").rpartition(")")[2].split()
    # proc_pid_stat(5), from field 3 on: nice is 19, policy 41.
    assert (fields[16], fields[38]) == ("7", "3")
    allowed = _run(scheduling, "grep", "Cpus_allowed_list", "/proc/self/status")
    assert allowed.split()[1] == str(cpu)


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (
            {"execCPUAffinity": {"final": "8000"}},
            "cannot set execCPUAffinity.final to 8000: invalid argument",
        ),
        (
            {
                "scheduler": {
                    "policy": "SCHED_DEADLINE",
                    "runtime": 5000,
                    "deadline": 2000,
                    "period": 3000,
                }
            },
            "cannot set the scheduler to SCHED_DEADLINE: invalid argument",
        ),
    ],
)
def test_what_the_kernel_refuses_a_script_is_told(process, message):
    assert str(_run(parse(**process), "true")) == message


def test_a_policy_for_the_idle_needs_no_right():
    def body():
        parse(scheduler={"policy": "SCHED_IDLE"}).apply()
        return os.sched_getscheduler(0) == os.SCHED_IDLE

    assert _in_a_child(body) == 0


def test_what_the_kernel_refuses_is_told():
    # A run time above the deadline.
    bad = {"policy": "SCHED_DEADLINE", "runtime": 5000, "deadline": 2000, "period": 3000}
    with pytest.raises(LaunchError, match="cannot set the scheduler to SCHED_DEADLINE: invalid"):
        parse(scheduler=bad).apply()
