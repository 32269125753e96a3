"""More processes in a running container."""

from __future__ import annotations

import os

import pytest

from baleen.linux import process as linux_process
from baleen.runtime import launch
from baleen.runtime.launch import LaunchError
from baleen.runtime.prepare import prepare
from baleen.runtime.spec import parse_process, parse_spec


def test_an_exec_is_in_all_namespaces_and_groups_of_the_container(runner):
    document = runner.document("sleep", "1000")
    cgroup = runner.cgroup(document["linux"]["resources"])
    container = runner.started(document=document, cgroup=cgroup)
    script = (
        "for n in ipc mnt net pid uts; do readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done;"
        " hostname; cat /proc/self/cgroup"
    )
    result = runner.exec(container, "sh", "-c", script, document=document, cgroup=cgroup)
    lines = result.out.splitlines()
    assert lines[0:10:2] == lines[1:10:2]
    assert lines[10] == "baleen"
    assert all(line.endswith(cgroup.path) for line in lines[11:])


def test_an_exec_has_the_rights_that_its_process_says(runner):
    container = runner.started()
    out = runner.exec(
        container,
        "sh",
        "-c",
        "grep -E 'CapEff|NoNewPrivs' /proc/self/status; id; pwd; env",
        user={"uid": 5, "gid": 6},
        noNewPrivileges=True,
        cwd="/tmp",
        env=["PATH=/bin", "X=y"],
        capabilities={},
    ).out
    assert out.splitlines()[:4] == [
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "uid=5 gid=6",
        "/tmp",
    ]
    assert "X=y" in out


def test_an_exec_is_our_child_and_its_exit_code_is_told(runner):
    container = runner.started()
    result = runner.exec(container, "sh", "-c", "echo a; echo b >&2; exit 4")
    assert (result.code, result.out, result.err) == (4, "a\n", "b\n")
    assert runner.exec(container, "sh", "-c", "kill -TERM $$").code == 143


@pytest.mark.parametrize(
    ("command", "message", "code"),
    [
        ("foo", 'exec: "foo": executable file not found in $PATH', 127),
        ("/etc", 'exec: "/etc": is a directory', 126),
    ],
)
def test_an_exec_that_cannot_be_started_says_why(runner, command, message, code):
    container = runner.started()
    with pytest.raises(LaunchError) as caught:
        runner.exec(container, command)
    assert (str(caught.value), caught.value.exit_code) == (message, code)


def test_an_exec_has_no_descriptor_but_its_streams(runner):
    container = runner.started()
    assert runner.exec(container, "ls", "/proc/self/fd").out.split() == ["0", "1", "2", "3"]


def test_an_exec_leads_a_session_of_its_own(runner):
    container = runner.started()
    script = "read p c s pp pg sid rest < /proc/self/stat; test $p = $sid && echo leads"
    assert runner.exec(container, "sh", "-c", script).out == "leads\n"


def test_an_exec_has_a_terminal_of_the_container(runner):
    container = runner.started()
    document = runner.document("true")
    process = parse_process(
        document["process"]
        | {"args": ["sh", "-c", "tty; stty size; echo x > /dev/tty"], "terminal": True}
        | {"consoleSize": {"width": 33, "height": 11}}
    )
    entered = launch.exec_process(
        container.pidfd,
        launch.namespace_flags(parse_spec(document).namespaces),
        prepare(process, None, None),
    )
    with entered.console, entered.pidfd:
        data = b""
        while True:
            try:
                data += os.read(entered.console.fileno(), 4096)
            except OSError:
                break
        assert data.split() == [b"/dev/pts/0", b"11", b"33", b"x"]
        assert linux_process.wait_pidfd(entered.pidfd.fileno()) == 0


def test_an_exec_in_a_container_that_has_ended_is_refused(runner):
    container = runner.started("sh", "-c", "exit 0")
    linux_process.wait_pidfd(container.pidfd.fileno())
    with pytest.raises(LaunchError):
        runner.exec(container, "true")


def test_an_exec_in_the_pid_namespace_of_the_host(runner):
    document = runner.document("sleep", "1000")
    document["linux"]["namespaces"] = [
        n for n in document["linux"]["namespaces"] if n["type"] != "pid"
    ]
    container = runner.started(document=document)
    result = runner.exec(
        container, "sh", "-c", "readlink /proc/self/ns/pid; hostname", document=document
    )
    assert result.out.split() == [os.readlink("/proc/self/ns/pid"), "baleen"]


def test_what_an_exec_leaves_running_belongs_to_the_container(runner):
    container = runner.started()
    assert runner.exec(container, "sh", "-c", "sleep 1000 >/dev/null 2>&1 & true").code == 0
    assert runner.exec(container, "sh", "-c", "ps -o comm | grep -c sleep").out == "2\n"
