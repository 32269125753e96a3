"""Checkpoints, through the real client; criu does the work where it can on this kernel."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from bed import wait_until
from criu_here import criu, why_not  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

COUNT = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done"


@pytest.fixture(scope="module", autouse=True)
def experimental(engine):
    engine.flags.append("--experimental")
    engine.restart()


def count(engine, *arguments) -> None:
    engine.docker("run", "-d", "--name", "box", *arguments, "busybox", "sh", "-c", COUNT)
    engine.wait_for_log("box", "line 3")


def directory(engine) -> Path:
    return engine.place.data_root / "containers" / engine.inspect("box")["Id"] / "checkpoints"


def status(engine) -> str:
    return engine.state("box")["Status"]


def last_line(engine) -> int:
    return int(engine.out("logs", "--tail", "1", "box").split()[-1])


def test_the_client_is_told_that_they_are_there(engine):
    assert engine.out("version", "--format", "{{.Server.Experimental}}") == "true"
    assert engine.out("info", "--format", "{{.ExperimentalBuild}}") == "true"


def test_without_the_flag_they_are_refused(engine):
    count(engine)
    engine.flags.remove("--experimental")
    engine.restart()
    try:
        answer = engine.api("POST", "/containers/box/checkpoints", {"CheckpointID": "cp1"})
        assert (answer.status, b"experimental" in answer.body) == (501, True)
        assert engine.api("POST", "/containers/box/start?checkpoint=cp1").status == 400
        assert "experimental" in engine.fails("checkpoint", "ls", "box")
    finally:
        engine.flags.append("--experimental")
        engine.restart()


def test_bad_input_is_refused_before_anything_is_made(engine):
    engine.docker("create", "--name", "box", "busybox", "true")
    assert "is not running" in engine.fails("checkpoint", "create", "box", "cp1")
    assert "No such container" in engine.fails("checkpoint", "create", "none", "cp1")
    assert "does not exist" in engine.fails("start", "--checkpoint", "cp1", "box")
    assert "does not exist" in engine.fails("checkpoint", "rm", "box", "cp1")
    assert engine.out("checkpoint", "ls", "box") == "CHECKPOINT NAME"
    engine.docker("rm", "box")
    count(engine)
    for name in ("../x", ".x", "a", "a/b", "x" * 256):
        assert "Invalid checkpoint ID" in engine.fails("checkpoint", "create", "box", name)
    answer = engine.api(
        "POST", "/containers/box/checkpoints", {"CheckpointID": "cp", "CheckpointDir": "a/b"}
    )
    assert (answer.status, b"absolute path" in answer.body) == (400, True)
    engine.docker("pause", "box")
    assert "paused" in engine.fails("checkpoint", "create", "box", "cp1")
    engine.docker("unpause", "box")
    assert not directory(engine).exists()


def test_one_that_fails_changes_nothing(engine):
    """By a connection that criu does not take, or where it does not work at all."""
    script = "nc -lp 9 -e cat & sleep 0.2; (echo up; sleep 1000) | nc 127.0.0.1 9"
    engine.docker("run", "-d", "--name", "box", "--restart=always", "busybox", "sh", "-c", script)
    engine.wait_for_log("box", "up")
    pid = engine.state("box")["Pid"]
    assert "criu failed to checkpoint" in engine.fails("checkpoint", "create", "box", "cp1")
    assert engine.state("box")["Pid"] == pid
    assert list(directory(engine).iterdir()) == []
    assert engine.out("checkpoint", "ls", "box") == "CHECKPOINT NAME"
    engine.docker("exec", "box", "true")
    # Its restart policy is in force again.
    subprocess.run(["kill", "-9", str(pid)], check=True)
    wait_until("it is restarted", lambda: engine.inspect("box")["RestartCount"] == 1)


@pytest.mark.usefixtures("criu")
def test_a_container_goes_on_where_it_was(engine):
    engine.docker("network", "create", "net")
    engine.docker("run", "-d", "--name", "peer", "--network", "net", "busybox", "sleep", "1000")
    count(
        engine, "--restart=always", "--network", "net", "-p", "8080:80", "-v", "vol:/vol", "-v",
        f"{engine.directory}:/host:ro", "--hostname", "me", "--memory", "64m", "--tmpfs", "/tmp",
    )  # fmt: skip
    engine.docker("exec", "box", "sh", "-c", "echo kept > /vol/f; echo kept > /tmp/f")
    assert engine.out("checkpoint", "create", "box", "cp1") == "cp1"
    assert status(engine) == "exited", "it has ended when the command does, for good"
    last = last_line(engine)
    assert engine.out("checkpoint", "ls", "box").split()[-1] == "cp1"
    assert (directory(engine) / "cp1").stat().st_mode & 0o777 == 0o700
    engine.docker("start", "--checkpoint", "cp1", "box")
    engine.wait_for_log("box", f"line {last + 3}")
    lines = engine.out("logs", "box").splitlines()
    assert lines == [f"line {i}" for i in range(1, len(lines) + 1)], "no line is lost or new"
    kept = engine.out("exec", "box", "cat", "/vol/f", "/tmp/f", "/proc/sys/kernel/hostname")
    assert kept.split() == ["kept", "kept", "me"]
    engine.docker("exec", "box", "ping", "-c1", "-W5", "peer")
    assert engine.docker("exec", "box", "touch", "/host/x", check=False).returncode == 1
    engine.docker(
        "exec", "-d", "box", "sh", "-c", "mkdir /w; echo page > /w/index.html; httpd -h /w"
    )
    wait_until("the port is served", lambda: "page" in engine.fetch("127.0.0.1", 8080))
    assert engine.inspect("box")["HostConfig"]["Memory"] == 64 << 20
    # It ends as any other; and the policy's restart begins anew.
    subprocess.run(["kill", "-9", str(engine.state("box")["Pid"])], check=True)
    wait_until("it is restarted", lambda: engine.inspect("box")["RestartCount"] == 1)
    wait_until("it begins anew", lambda: last_line(engine) < last)
    engine.docker("checkpoint", "rm", "box", "cp1")
    assert engine.out("checkpoint", "ls", "box") == "CHECKPOINT NAME"


@pytest.mark.usefixtures("criu")
def test_it_may_run_on_and_a_directory_may_be_chosen(engine, tmp_path):
    count(engine)
    place = tmp_path / "place"
    flags = ("--checkpoint-dir", str(place))
    engine.docker("checkpoint", "create", "--leave-running", *flags, "box", "cp1")
    assert status(engine) == "running"
    assert "already exists" in engine.fails("checkpoint", "create", *flags, "box", "cp1")
    assert engine.out("checkpoint", "ls", *flags, "box").split()[-1] == "cp1"
    # Another container of the image may go on from there: with its own settings.
    engine.docker("create", "--name", "other", "--label", "a=b", "busybox", "sh", "-c", COUNT)
    engine.docker("start", "--checkpoint", "cp1", *flags, "other")
    engine.wait_for_log("other", "line")
    assert json.dumps(engine.inspect("other")["Config"]["Labels"]) == '{"a": "b"}'
    engine.docker("checkpoint", "rm", *flags, "box", "cp1")
    assert list(place.iterdir()) == []


@pytest.mark.usefixtures("criu")
def test_a_terminal_is_one_again(engine):
    script = 'echo up; read x; echo "got $x $(tty)"; exit 5'
    engine.docker(
        "run", "-dit", "--name", "box", "--user", "7:7", "busybox", "sh", "-c", script
    )  # fmt: skip
    engine.wait_for_log("box", "up")
    engine.docker("checkpoint", "create", "box", "cp1")
    engine.docker("start", "--checkpoint", "cp1", "box")
    terminal = engine.terminal("attach", "box")
    terminal.send(b"hey\r")
    terminal.expect(b"got hey /dev/pts/0")
    assert terminal.wait() == 5
    assert engine.wait_for_status("box", "exited")["ExitCode"] == 5


@pytest.mark.skipif(not why_not(), reason="criu works here")
def test_where_criu_cannot_work_the_kernels_reason_is_told(engine):
    count(engine)
    message = engine.fails("checkpoint", "create", "box", "cp1")
    assert "criu" in message
    assert status(engine) == "running"
