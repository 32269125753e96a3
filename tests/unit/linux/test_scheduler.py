import os
import struct

import pytest

from baleen.linux import scheduler


def _in_a_child(body):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if body() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_policy_nice_and_flags_arrive():
    def body():
        policy = scheduler.SCHED_POLICIES["SCHED_BATCH"]
        scheduler.SchedAttributes(policy, flags=1, nice=3).apply()
        return (os.sched_getscheduler(0), os.nice(0)) == (
            os.SCHED_BATCH | os.SCHED_RESET_ON_FORK,
            3,
        )

    assert _in_a_child(body) == 0


def test_an_io_priority_is_accepted_and_nonsense_is_not():
    def body():
        scheduler.ioprio_set(scheduler.IOPRIO_CLASSES["IOPRIO_CLASS_BE"], 6)
        return True

    assert _in_a_child(body) == 0
    with pytest.raises(OSError, match="Invalid") as caught:
        scheduler.ioprio_set(7, 0)
    assert caught.value.__notes__ == ["ioprio_set"]


def test_a_policy_that_is_not_there_is_an_error():
    with pytest.raises(OSError, match="Invalid") as caught:
        scheduler.SchedAttributes(4).apply()
    assert caught.value.__notes__ == ["sched_setattr"]


def test_attributes_and_sets_of_cpus_as_the_kernel_reads_them():
    attributes = scheduler.SchedAttributes(6, 1, -2, 3, 4, 5, 6)
    assert attributes.encode() == struct.pack("=IIQiIQQQ", 48, 6, 1, -2, 3, 4, 5, 6)
    assert scheduler.cpu_mask(frozenset({0, 9})) == b"\x01\x02" + bytes(6)
    assert scheduler.cpu_mask(frozenset({64})) == bytes(8) + b"\x01" + bytes(7)
