"""`run` in the foreground and detached."""

import os
import subprocess


def test_the_exit_code_and_streams_are_the_containers(runtime):
    runtime.configure("sh", "-c", "cat; echo err >&2; exit 5")
    output = runtime("run", "-b", str(runtime.bundle), "c1", code=5, stdin=None, input="in\n")
    assert output == "in\n"
    assert runtime.errors.endswith("err\n")
    assert os.listdir(runtime.root) == []


def test_it_is_seen_and_can_be_entered_while_it_runs(runtime):
    runtime.configure("sh", "-c", "echo up; cat")
    command = runtime.command("run", "-b", str(runtime.bundle), "c1")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        assert runtime.state()["status"] == "running"
        assert runtime("exec", "c1", "readlink", "/proc/1/exe") == "/bin/busybox\n"
        process.stdin.close()
        assert process.wait(30) == 0
    assert os.listdir(runtime.root) == []


def test_with_keep_the_state_is_left_for_delete(runtime):
    runtime.configure("true")
    runtime("run", "--keep", "-b", str(runtime.bundle), "c1")
    assert runtime.state()["status"] == "stopped"
    runtime("delete", "c1")


def test_detached_it_goes_on(runtime, tmp_path):
    runtime.configure("sleep", "100")
    pid_file = tmp_path / "pid"
    runtime.detached("run", "-d", "--pid-file", str(pid_file), "-b", str(runtime.bundle), "c1")
    state = runtime.state()
    assert (state["status"], state["pid"]) == ("running", int(pid_file.read_text()))
    runtime.kill()
    runtime("delete", "c1")


def test_when_the_foreground_is_killed_the_container_is_too(runtime):
    runtime.configure("sh", "-c", "echo up; sleep 100")
    command = runtime.command("run", "-b", str(runtime.bundle), "c1")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        pid = runtime.pid()
        process.kill()
    runtime.wait(pid)
    assert runtime.state()["status"] == "stopped"
    runtime("delete", "c1")


def test_without_pivot_root_nothing_of_the_host_is_mounted(runtime):
    runtime.configure("sh", "-c", "cat /proc/self/mountinfo; ls /; ls /../..")
    output = runtime("run", "--no-pivot", "-b", str(runtime.bundle), "c1")
    points = [line.split()[4] for line in output.splitlines() if " - " in line]
    assert points[0] == "/"
    assert "/proc" in points
    assert all(point.split("/")[1] in ("", "proc", "dev", "sys") for point in points), points
    listed = output.splitlines()[len(points) :]
    assert "boot" not in listed
    assert listed[: len(listed) // 2] == listed[len(listed) // 2 :]
