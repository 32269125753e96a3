"""What `docker run` and `docker exec` end with: 125, 126, 127, 128+n, or the command's own code."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("code", [0, 1, 42, 125, 126, 127, 255])
def test_the_commands_own_code(engine, code):
    done = engine.docker("run", "--rm", "busybox", "sh", "-c", f"exit {code}", check=False)
    assert done.returncode == code
    assert not done.stderr


@pytest.mark.parametrize(("signal", "code"), [("KILL", 137), ("SEGV", 139), ("USR1", 138)])
def test_death_by_a_signal_is_128_and_its_number(engine, signal, code):
    done = engine.docker(
        "run", "--rm", "--init", "busybox", "sh", "-c", f"kill -{signal} $$", check=False
    )
    assert done.returncode == code


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["busybox", "nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
        (["busybox", "/no/such"], 127, "no such file or directory"),
        (["busybox", "/etc/passwd"], 126, "permission denied"),
        (["-w", "/etc/passwd", "busybox", "true"], 125, "not a directory"),
        (["--no-such-flag", "busybox"], 125, "unknown flag"),
        (["-m", "1m", "busybox", "true"], 125, "Minimum memory limit allowed is 6MB"),
        (["-u", "nosuchuser", "busybox", "true"], 125, "unable to find user nosuchuser"),
        (["nosuchimage:1", "true"], 125, "nosuchimage"),
    ],
)
def test_failures_before_the_command_runs(engine, arguments, code, text):
    done = engine.docker("run", "--rm", "--pull", "never", *arguments, check=False)
    assert (done.returncode, text in done.stderr) == (code, True), done


def test_a_failed_start_keeps_the_container_with_code_and_error(engine):
    engine.docker("run", "--name", "broken", "busybox", "nosuch", check=False)
    state = engine.state("broken")
    assert state["Status"] == "created"
    assert state["ExitCode"] == 127
    assert "nosuch" in state["Error"]
    engine.docker("rm", "broken")


def test_exec_format_error(engine):
    script = "printf 'no magic' > /x; chmod 755 /x"
    engine.docker("run", "-d", "--name", "box", "busybox", "sh", "-c", f"{script}; sleep 1000")
    engine.wait_for_status("box", "running")
    done = engine.docker("exec", "box", "/x", check=False)
    assert done.returncode == 126, done
    assert "exec format error" in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("command", "code"), [(["sh", "-c", "exit 3"], 3), (["nosuch"], 127), (["/etc"], 126)]
)
def test_exec_codes(engine, command, code):
    engine.docker("run", "-d", "--name", "box", "busybox", "sleep", "1000")
    assert engine.docker("exec", "box", *command, check=False).returncode == code


def test_wait_prints_the_code_also_afterwards(engine):
    engine.docker("run", "-d", "--name", "nine", "busybox", "sh", "-c", "sleep 0.2; exit 9")
    assert engine.out("wait", "nine") == "9"
    assert engine.out("wait", "nine") == "9"


def test_a_directory_cannot_be_executed(engine):
    # Clients disagree about the exit code of this one; the engine's own is 126.
    made = engine.out("create", "--name", "dir", "busybox", "/etc")
    answer = engine.api("POST", f"/containers/{made}/start")
    assert (answer.status, "is a directory" in answer.message) == (400, True)
    assert engine.state("dir")["ExitCode"] == 126
