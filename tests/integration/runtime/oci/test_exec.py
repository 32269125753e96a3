"""`exec` in each of its forms."""

import json
import os
import signal
import socket
import subprocess

import pytest


@pytest.fixture
def running(runtime):
    runtime.configure("sleep", "1000")
    runtime.create()
    runtime("start", "c1")
    yield runtime
    runtime.kill()
    runtime("delete", "c1")


def test_streams_and_exit_code_are_the_processes(running):
    output = running("exec", "c1", "sh", "-c", "cat; exit 3", code=3, stdin=None, input="in\n")
    assert output == "in\n"
    assert running("exec", "-u", "7:8", "--cwd", "/bin", "-e", "A=1", "c1", "sh", "-c",
                   "id; pwd; echo $A") == "uid=7 gid=8\n/bin\n1\n"  # fmt: skip


def test_a_program_that_is_not_there_is_told_with_255(running):
    running("exec", "c1", "none", code=255)
    assert 'exec failed: unable to start container process: exec: \\"none\\"' in running.errors


def test_a_detached_process_outlives_its_starter(running, tmp_path):
    process = tmp_path / "process.json"
    process.write_text(json.dumps({"args": ["/bin/sleep", "1000"], "cwd": "/"}))
    pid_file = tmp_path / "pid"
    words = ("--process", str(process), "--detach", "--pid-file", str(pid_file))
    running.detached("exec", *words, "c1")
    pid = int(pid_file.read_text())
    assert pid in json.loads(running("ps", "-f", "json", "c1"))
    os.kill(pid, signal.SIGKILL)
    running.wait(pid)


@pytest.mark.parametrize("nnp", [False, True])
def test_the_terminals_master_arrives_at_the_socket(running, tmp_path, nnp):
    path = str(tmp_path / "s")
    process = tmp_path / "process.json"
    document = {"args": ["sh"], "cwd": "/", "terminal": True, "noNewPrivileges": nnp}
    process.write_text(json.dumps(document | {"env": ["PATH=/bin"]}))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        pid_file = tmp_path / "pid"
        words = ("--console-socket", path, "--pid-file", str(pid_file), "-d", "-p", str(process))
        running.detached("exec", *words, "c1")
        with server.accept()[0] as client:
            name, (master,), _, _ = socket.recv_fds(client, 100, 1)
    assert name
    os.write(master, b"tty; echo done-$((1+1)); exit\n")
    seen = b""
    while b"done-2" not in seen:
        seen += os.read(master, 1000)
    assert b"/dev/pts/" in seen
    os.close(master)
    running.wait(int(pid_file.read_text()))


def test_a_terminal_is_relayed_in_the_foreground(running):
    assert running("exec", "-t", "c1", "tty").startswith("/dev/pts/")
    running("exec", "-t", "-d", "c1", "tty", code=255)
    assert "without setting console socket" in running.errors


@pytest.mark.parametrize("words", [(), ("-t",)])
def test_descriptors_are_preserved_and_no_others_are_there(running, words):
    pipes = [os.pipe() for _ in range(2)]

    def place():
        writers = [os.dup(writer) for _, writer in pipes]
        for number, writer in enumerate(writers, 3):
            os.dup2(writer, number)

    script = "echo >&3 three; echo >&4 four; ls /proc/self/fd"
    options = ("--preserve-fds", "2", *words)
    output = running("exec", *options, "c1", "sh", "-c", script, preexec_fn=place, close_fds=False)
    for (reader, writer), text in zip(pipes, (b"three\n", b"four\n"), strict=True):
        os.close(writer)
        assert os.read(reader, 100) == text
        os.close(reader)
    # The last one is the directory that is listed.
    assert output.split() == ["0", "1", "2", "3", "4", "5"]


def test_descriptors_that_are_not_there_are_refused(running):
    running("exec", "--preserve-fds", "9", "c1", "true", code=255)
    assert "descriptor 3 is not open" in running.errors


def test_a_signal_is_forwarded(running):
    script = "trap 'exit 9' TERM; echo set; while :; do :; done"
    command = running.command("exec", "c1", "sh", "-c", script)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"set\n"
        process.terminate()
        assert process.wait(30) == 9


def test_the_containers_filter_holds_for_it(runtime):
    def change(document):
        document["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
        }

    runtime.configure("sleep", "100", change=change)
    runtime.create()
    runtime("exec", "c1", "mkdir", "/x", code=1)
    assert "Operation not permitted" in runtime.errors
    runtime("delete", "c1")
    runtime("exec", "c1", "true", code=255)
    assert "container does not exist" in runtime.errors
