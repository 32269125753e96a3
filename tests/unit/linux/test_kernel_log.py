import time

from baleen.linux.kernel_log import count_memory_kills, memory_kills

GROUP = "/system.slice/docker-1f.scope"
LINE = (
    b"<6>[%s] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=docker-1f.scope,"
    b"mems_allowed=0,oom_memcg=%s,task_memcg=%s,task=sh,pid=4711,uid=0\n"
)


def line(when, group):
    return LINE % (when, group.encode(), group.encode())


def test_kills_of_the_group_and_those_below_it_count():
    text = b"<6>[    1.000000] x\n" + line(b"   12.345678", GROUP) + line(b"13.0", GROUP + "/in")
    assert count_memory_kills(text, GROUP, 12) == 2


def test_kills_of_others_and_of_earlier_runs_do_not():
    text = (
        line(b"   50.000000", "/system.slice/docker-1f.scope2")
        + line(b"   50.000000", "/system.slice")
        + line(b"    9.000000", GROUP)
        + b"<6>[   50.000000] Memory cgroup out of memory: Killed process 4711 (sh)\n"
        + b"oom_memcg=" + GROUP.encode() + b",\n"
    )  # fmt: skip
    assert count_memory_kills(text, GROUP, 12) == 0
    assert count_memory_kills(b"", GROUP, 0) == 0


def test_the_log_of_this_machine_knows_nothing_of_what_never_was():
    assert memory_kills("/baleen-test/none", time.monotonic() - 10) == 0
