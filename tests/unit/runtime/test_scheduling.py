"""What a document may ask of the scheduler, and what the kernel then says of the process."""

import os

import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.scheduling import Policy, Scheduling, parse_scheduling


def parse(**process):
    return parse_scheduling(Fields(process, "process."))


def test_a_policy_has_the_fields_that_belong_to_it():
    policy = parse(scheduler={"policy": "SCHED_BATCH", "nice": 5}).policy
    assert policy == Policy("SCHED_BATCH", 0, 5, 0, 0, 0, 0)
    flags = ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"]
    deadline = {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3}
    assert parse(scheduler={**deadline, "flags": flags}).policy == Policy(
        "SCHED_DEADLINE", 3, 0, 0, 1, 2, 3
    )
    fifo = {"policy": "SCHED_FIFO", "priority": 99}
    assert parse(scheduler=fifo).policy == Policy("SCHED_FIFO", 0, 0, 99, 0, 0, 0)


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


def test_cpus_of_an_exec_are_set():
    cpu = min(os.sched_getaffinity(0))
    scheduling = Scheduling(None, None, frozenset({cpu}), frozenset({cpu}))

    def body():
        scheduling.apply_initial_cpus()
        scheduling.apply_final_cpus()
        return os.sched_getaffinity(0) == {cpu}

    assert _in_a_child(body) == 0


def test_cpus_that_are_not_there_are_told():
    with pytest.raises(LaunchError, match=r"execCPUAffinity.final to \[8000\]"):
        Scheduling(None, None, frozenset(), frozenset({8000})).apply_final_cpus()


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
