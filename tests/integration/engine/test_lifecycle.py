"""create, start, stop, kill, restart, rename, rm, pause, update, wait, ps and their answers."""

from __future__ import annotations

import time

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration

TRAP = "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 0.05; done"


def test_create_then_start_then_again(engine):
    container_id = engine.out(
        "create", "--name", "cc", "busybox", "sh", "-c", "echo run >> /count; wc -l < /count"
    )
    assert engine.state("cc")["Status"] == "created"
    assert engine.out("start", "-a", "cc") == "1"
    assert engine.out("start", "-a", "cc") == "2"
    assert engine.inspect("cc")["Id"] == container_id


def test_stop_asks_before_it_kills(engine):
    engine.docker("run", "-d", "--name", "polite", "busybox", "sh", "-c", TRAP)
    engine.wait_for_log("polite", "up")
    assert engine.out("stop", "polite") == "polite"
    assert engine.out("logs", "polite") == "up\nterm"
    assert engine.state("polite")["ExitCode"] == 0


def test_stop_kills_after_the_time_is_up(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "stubborn",
        "busybox",
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 0.05; done",
    )
    engine.wait_for_log("stubborn", "up")
    begin = time.monotonic()
    engine.docker("stop", "-t", "1", "stubborn")
    assert 0.9 < time.monotonic() - begin < 6
    assert engine.state("stubborn")["ExitCode"] == 137


def test_stop_sends_the_containers_own_signal(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "ss",
        "--stop-signal",
        "USR1",
        "busybox",
        "sh",
        "-c",
        "trap 'exit 33' USR1; echo up; while :; do sleep 0.05; done",
    )
    engine.wait_for_log("ss", "up")
    engine.docker("stop", "ss")
    assert engine.state("ss")["ExitCode"] == 33


def test_stopping_and_starting_twice_is_no_error(engine):
    engine.docker("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
    assert engine.api("POST", "/containers/cc/start").status == 304
    engine.docker("stop", "-t", "0", "cc")
    assert engine.api("POST", "/containers/cc/stop").status == 304


def test_kill_with_and_without_a_signal(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "kk",
        "busybox",
        "sh",
        "-c",
        "trap 'echo usr' USR1; echo up; while :; do sleep 0.05; done",
    )
    engine.wait_for_log("kk", "up")
    engine.docker("kill", "-s", "USR1", "kk")
    engine.wait_for_log("kk", "usr")
    engine.docker("kill", "kk")
    assert engine.wait_for_status("kk", "exited")["ExitCode"] == 137
    message = engine.fails("kill", "kk")
    assert "is not running" in message


def test_restart_gives_a_new_process(engine):
    engine.docker("run", "-d", "--name", "rr", "busybox", "sleep", "1000")
    before = engine.state("rr")
    engine.docker("restart", "-t", "0", "rr")
    after = engine.state("rr")
    assert after["Running"] is True
    assert after["Pid"] != before["Pid"]
    assert after["StartedAt"] > before["StartedAt"]


def test_restart_of_a_container_with_rm_keeps_it(engine):
    engine.docker("run", "-d", "--rm", "--name", "rr", "busybox", "sleep", "1000")
    engine.docker("restart", "-t", "0", "rr")
    assert engine.state("rr")["Running"] is True


def test_rename(engine):
    engine.docker("run", "-d", "--name", "old", "busybox", "sleep", "1000")
    engine.docker("create", "--name", "other", "busybox", "true")
    engine.docker("rename", "old", "new")
    assert engine.out("ps", "--format", "{{.Names}}") == "new"
    assert "No such container: old" in engine.fails("stop", "old")
    assert "is already in use" in engine.fails("rename", "new", "other")
    engine.docker("create", "--name", "old", "busybox", "true")


def test_remove(engine):
    engine.docker("run", "-d", "--name", "xx", "busybox", "sleep", "1000")
    message = engine.fails("rm", "xx")
    assert "cannot remove container" in message
    assert "running" in message
    engine.docker("rm", "-f", "xx")
    assert "No such container: xx" in engine.fails("rm", "xx")
    assert engine.docker("rm", "-f", "xx", check=False).returncode in (0, 1)


def test_pause(engine):
    engine.docker("run", "-d", "--name", "pp", "busybox", "sleep", "1000")
    engine.docker("pause", "pp")
    assert engine.state("pp")["Status"] == "paused"
    assert "(Paused)" in engine.out("ps", "--format", "{{.Status}}")
    assert "is paused" in engine.fails("exec", "pp", "true")
    engine.docker("unpause", "pp")
    assert engine.out("exec", "pp", "echo", "on") == "on"
    assert "is not paused" in engine.fails("unpause", "pp")


def test_a_paused_container_can_be_stopped(engine):
    engine.docker("run", "-d", "--name", "pp", "busybox", "sleep", "1000")
    engine.docker("pause", "pp")
    engine.docker("stop", "-t", "1", "pp")
    assert engine.state("pp")["Status"] == "exited"


def test_update(engine):
    engine.docker("run", "-d", "--name", "uu", "--memory", "64m", "busybox", "sleep", "1000")
    engine.docker("update", "--memory", "96m", "--memory-swap", "192m", "--restart", "always", "uu")
    host = engine.inspect("uu")["HostConfig"]
    assert host["Memory"] == 96 << 20
    assert host["RestartPolicy"]["Name"] == "always"


def test_restart_policies(engine):
    engine.docker(
        "run",
        "-d",
        "--name",
        "rr",
        "--restart",
        "on-failure:2",
        "busybox",
        "sh",
        "-c",
        "echo x; exit 3",
    )
    wait_until(
        "the policy gave up",
        lambda: (state := engine.state("rr"))["Status"] == "exited" and not state["Restarting"],
        timeout_s=20,
    )
    assert engine.out("logs", "rr") == "x\nx\nx"
    assert engine.inspect("rr")["RestartCount"] == 2


def test_a_stopped_container_is_not_restarted(engine):
    engine.docker("run", "-d", "--name", "rr", "--restart", "always", "busybox", "sleep", "1000")
    pid = engine.state("rr")["Pid"]
    import os

    os.kill(pid, 9)
    wait_until("a new process", lambda: engine.state("rr")["Pid"] not in (0, pid))
    engine.docker("stop", "-t", "0", "rr")
    assert engine.state("rr")["Status"] == "exited"
    engine.docker("kill", "rr", check=False)
    assert engine.state("rr")["Status"] == "exited"


def test_wait_conditions(engine):
    engine.docker("create", "--name", "ww", "busybox", "sh", "-c", "exit 4")
    waiter = engine.popen("run", "--rm", "--name", "gone", "busybox", "sh", "-c", "exit 8")
    waiter.communicate(timeout=20)
    assert waiter.returncode == 8
    assert engine.api("POST", "/containers/ww/wait?condition=nonsense").status == 400
    assert engine.api("POST", "/containers/nosuch/wait").status == 404


def test_ps_columns_and_filters(engine):
    engine.docker("run", "-d", "--name", "one", "--label", "a=b", "busybox", "sleep", "1000")
    engine.docker("run", "--name", "two", "busybox", "sh", "-c", "exit 2", check=False)
    engine.docker("create", "--name", "three", "busybox", "true")
    names = "{{.Names}}"
    assert engine.out("ps", "--format", names) == "one"
    assert engine.out("ps", "-a", "--format", names) == "three\ntwo\none"
    assert engine.out("ps", "-n", "2", "--format", names) == "three\ntwo"
    assert engine.out("ps", "-l", "--format", names) == "three"
    for filter_, expected in (
        ("status=exited", "two"), ("exited=2", "two"), ("name=^/on", "one"),
        ("status=created", "three"),
        ("ancestor=busybox", "three\ntwo\none"), ("before=two", "one"), ("since=two", "three"),
        ("label=a=b", "one"), ("network=bridge", "three\ntwo\none"),
    ):  # fmt: skip
        assert engine.out("ps", "-a", "--filter", filter_, "--format", names) == expected, filter_
    assert "invalid filter" in engine.fails("ps", "--filter", "nonsense=1")
    assert engine.out("ps", "-a", "--filter", "name=two", "--format", "{{.Status}}").startswith(
        "Exited (2) "
    )
    assert engine.out("ps", "--format", "{{.Command}}") == '"sleep 1000"'
    assert engine.docker("ps", "-s").stdout.splitlines()[0].endswith("SIZE")


def test_references_by_prefix_and_like_an_id(engine):
    first = engine.out("create", "busybox", "true")
    assert engine.inspect(first[:6])["Id"] == first
    engine.docker("create", "--name", first[:12], "busybox", "sh")
    # The exact name is nearer than a prefix of another id; the full id is nearer than both.
    assert engine.inspect(first[:12])["Id"] != first
    assert engine.inspect(first)["Id"] == first
    engine.docker("rm", first)
    assert engine.inspect(first[:12])["Config"]["Cmd"] == ["sh"]


def test_top(engine):
    engine.docker("run", "-d", "--name", "tt", "busybox", "sleep", "1000")
    text = engine.out("top", "tt")
    assert "PID" in text.splitlines()[0]
    assert "sleep 1000" in text.splitlines()[1]
    assert engine.out("top", "tt", "-o", "pid,comm").splitlines()[1].split()[1] == "sleep"
    engine.docker("stop", "-t", "0", "tt")
    assert "is not running" in engine.fails("top", "tt")


def test_prune(engine):
    engine.docker("run", "--name", "done", "busybox", "true")
    engine.docker("run", "-d", "--name", "alive", "busybox", "sleep", "1000")
    text = engine.out("container", "prune", "-f")
    assert "Total reclaimed space" in text
    assert engine.out("ps", "-a", "--format", "{{.Names}}") == "alive"


def test_diff_and_export(engine):
    engine.docker(
        "run",
        "--name",
        "dd",
        "busybox",
        "sh",
        "-c",
        "echo x > /new; rm /etc/passwd; touch /etc/group",
    )
    lines = set(engine.out("diff", "dd").split("\n"))
    assert {"A /new", "C /etc", "D /etc/passwd", "C /etc/group"} <= lines
    import io
    import tarfile

    process = engine.popen("export", "dd")
    data, _ = process.communicate(timeout=30)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = set(tar.getnames())
    assert "new" in names
    assert "etc/passwd" not in names
    assert any(name.startswith("bin/") for name in names)


def test_what_the_engine_makes_is_no_change_of_the_container(engine):
    engine.docker("run", "--name", "dd", "-v", "/a/b/c", "busybox", "test", "-e", "/.dockerenv")
    assert engine.out("diff", "dd") == ""
    mode = engine.out("run", "--rm", "busybox", "stat", "-c", "%a %u %s", "/.dockerenv")
    assert mode == "755 0 0"
    engine.docker("run", "--name", "ee", "-v", "/a/b/c", "busybox", "touch", "/a/x")
    assert engine.out("diff", "ee").split("\n") == ["A /a", "A /a/x"]
    engine.docker("run", "--name", "ff", "busybox", "chmod", "700", "/etc")
    assert engine.out("diff", "ff") == "C /etc"


def test_a_signal_lets_a_paused_container_go_on(engine):
    trap = "trap 'exit 7' TERM HUP; echo up; while :; do sleep 0.1; done"
    engine.docker("run", "-d", "--name", "pp", "busybox", "sh", "-c", trap)
    engine.docker("run", "-d", "--name", "qq", "--stop-signal", "TERM", "busybox", "sh", "-c", trap)
    for name in ("pp", "qq"):
        engine.wait_for_log(name, "up")
        engine.docker("pause", name)
        engine.docker("kill", "-s", "HUP", name)
    assert engine.out("wait", "pp") == "7"
    assert engine.state("qq")["Status"] == "paused"  # HUP is not what ends this one
    engine.docker("kill", "-s", "TERM", "qq")
    assert engine.out("wait", "qq") == "7"


def test_the_network_namespace_can_be_entered_by_its_key(engine):
    engine.docker("run", "-d", "--name", "cc", "busybox", "sleep", "1000")
    settings = engine.inspect("cc")["NetworkSettings"]
    addresses = engine.inside("nsenter", f"--net={settings['SandboxKey']}", "ip", "addr")
    assert settings["Networks"]["bridge"]["IPAddress"] in addresses
    engine.docker("kill", "cc")
    assert engine.inspect("cc")["NetworkSettings"]["SandboxKey"] == ""
