"""`kill` as callers use it."""

from baleen.linux.cgroup import detect


def test_a_signal_reaches_pid_1(runtime, tmp_path):
    runtime.configure("sh", "-c", "trap 'echo got; exit' USR1; echo up; while :; do sleep 1; done")
    with open(tmp_path / "out", "wb") as output:
        runtime.create(output=output)
    pid = runtime.pid()
    runtime("start", "c1")
    runtime("exec", "c1", "sh", "-c", "while ! ls /proc/1/task/1/children >/dev/null; do :; done")
    while "up" not in (tmp_path / "out").read_text():
        runtime("exec", "c1", "true")
    runtime("kill", "c1", "USR1")
    runtime.wait(pid)
    assert "got" in (tmp_path / "out").read_text()
    runtime("kill", "c1", code=1)
    assert "container not running" in runtime.errors
    runtime("delete", "c1")


def test_a_paused_container_dies_of_kill(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime("start", "c1")
    runtime("pause", "c1")
    runtime.kill()
    runtime("delete", "c1")


def test_all_are_killed_where_pids_are_the_hosts(runtime):
    def share(document):
        document["linux"]["namespaces"] = [
            kind for kind in document["linux"]["namespaces"] if kind["type"] != "pid"
        ]

    for words in (("kill", "c1", "9"), ("kill", "--all", "c1", "9")):
        runtime.configure("sh", "-c", "sleep 100 & sleep 100", change=share)
        runtime.create()
        runtime("start", "c1")
        group = detect().open(f"{runtime.group}/c1")
        pid = runtime.pid()
        while len(group.pids()) < 2:
            runtime("exec", "c1", "true")
        runtime(*words)
        runtime.wait(pid)
        assert group.pids() == []
        runtime("delete", "c1")
