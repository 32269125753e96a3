"""`docker exec` with its flags."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def box(engine):
    engine.docker(
        "run", "-d", "--name", "box", "-e", "A=1", "-w", "/tmp", "busybox", "sleep", "1000"
    )
    return engine


def test_runs_beside_the_main_process(box):
    assert box.out("exec", "box", "ps").count("sleep 1000") == 1
    assert box.out("exec", "box", "sh", "-c", "echo $A; pwd; hostname").split("\n")[:2] == [
        "1",
        "/tmp",
    ]


def test_streams_and_stdin(box):
    done = box.docker("exec", "-i", "box", "sh", "-c", "cat; echo err >&2", stdin=b"in\n")
    assert (done.stdout, done.stderr) == ("in\n", "err\n")


def test_user_directory_and_environment(box):
    text = box.out(
        "exec",
        "-u",
        "1000:1000",
        "-w",
        "/etc",
        "-e",
        "B=2",
        "box",
        "sh",
        "-c",
        "id -u; id -g; pwd; echo $A$B",
    )
    assert text == "1000\n1000\n/etc\n12"


def test_detached(box):
    assert box.out("exec", "-d", "box", "sh", "-c", "echo done > /tmp/mark") == ""
    from bed import wait_until

    wait_until(
        "the mark",
        lambda: box.docker("exec", "box", "cat", "/tmp/mark", check=False).stdout == "done\n",
    )


def test_terminal(box):
    terminal = box.terminal("exec", "-it", "box", "sh", rows=20, columns=70)
    terminal.expect(b"# ")
    terminal.send(b"stty size; tty\n")
    terminal.expect(b"20 70")
    terminal.expect(b"/dev/pts/")
    terminal.send(b"exit 4\n")
    assert terminal.wait() == 4


def test_privileged_exec_has_all_capabilities(box):
    plain = box.out("exec", "box", "grep", "CapEff", "/proc/self/status")
    full = box.out("exec", "--privileged", "box", "grep", "CapEff", "/proc/self/status")
    assert int(plain.split()[1], 16) == 0xA80425FB
    assert int(full.split()[1], 16) > 0x1FFFFFFFFF


def test_only_three_descriptors(box):
    assert box.out("exec", "box", "ls", "/proc/self/fd").split() == ["0", "1", "2", "3"]


def test_exec_in_the_same_cgroup(box):
    assert box.out("exec", "box", "cat", "/proc/self/cgroup") == box.out(
        "exec", "box", "cat", "/proc/1/cgroup"
    )


def test_inspect_and_start_only_once(box):
    container_id = box.inspect("box")["Id"]
    made = box.api(
        "POST", "/containers/box/exec", {"Cmd": ["sh", "-c", "exit 6"], "AttachStdout": True}
    )
    assert made.status == 201
    exec_id = made.json()["Id"]
    before = box.api("GET", f"/exec/{exec_id}/json").json()
    assert (before["Running"], before["ExitCode"], before["ContainerID"]) == (
        False,
        None,
        container_id,
    )
    assert before["ProcessConfig"]["entrypoint"] == "sh"
    assert box.api("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 200
    from bed import wait_until

    after = wait_until(
        "the exec's end",
        lambda: (
            (found := box.api("GET", f"/exec/{exec_id}/json").json())["ExitCode"] is not None
            and found
        ),
    )
    assert (after["Running"], after["ExitCode"]) == (False, 6)
    assert box.api("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 409


def test_not_in_a_container_that_is_not_running(engine):
    engine.docker("create", "--name", "still", "busybox", "true")
    assert "is not running" in engine.fails("exec", "still", "true")


def test_execs_end_with_the_container(box):
    process = box.popen("exec", "box", "sleep", "1000")
    from bed import wait_until

    wait_until("the exec runs", lambda: box.out("exec", "box", "ps").count("sleep 1000") == 2)
    box.docker("kill", "box")
    process.communicate(timeout=20)
    assert process.returncode == 137


def test_many_at_once(box):
    processes = [box.popen("exec", "box", "echo", str(number)) for number in range(8)]
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert outputs == [f"{number}\n".encode() for number in range(8)]
