"""What the last steps of a process do and what their failures mean, without rights to change."""

import os
import socket

import pytest

from baleen.linux.path import openat2
from baleen.linux.script import sealed
from baleen.runtime.prepare import Stdio, prepare
from baleen.runtime.process_script import CHANNEL, ProcessScript, default_signals
from baleen.runtime.spec import parse_process


def process_of(*args, **fields):
    document = {"args": list(args), "cwd": "/", "env": ["PATH=/nonexistent:/bin", "A=b"], **fields}
    return prepare(parse_process(document), Stdio(0, 1, 2), None)


def run(steps):
    """(output, status) of a script whose channel and output are one socket, or its failure."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fd = theirs.fileno()
    with ours, sealed(steps.script.image(fd), "script") as program:
        with theirs:
            pid = os.posix_spawn(
                f"/proc/self/fd/{program.fileno()}",
                ["script"],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, 1), (os.POSIX_SPAWN_DUP2, fd, fd)],
                setsigdef=default_signals(),
            )
        parts = []
        while data := ours.recv(65536):
            parts.append(data)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 1 and parts and len(parts[-1]) == 16:
        return steps.failure(parts[-1])
    return b"".join(parts), status


def test_a_program_is_found_in_the_path_and_gets_its_environment():
    steps = ProcessScript()
    steps.execute(process_of("env"))
    assert run(steps) == (b"PATH=/nonexistent:/bin\nA=b\n", 0)


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH', 127),
        ("", 'exec: "": executable file not found in $PATH', 127),
        ("/nosuch", 'exec: "/nosuch": stat /nosuch: no such file or directory', 127),
        ("/etc/passwd/x", 'exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory', 127),
        ("/etc", 'exec: "/etc": is a directory', 126),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied', 126),
    ],
)
def test_why_it_cannot_be_executed(name, message, code):
    steps = ProcessScript()
    steps.execute(process_of(name))
    failure = run(steps)
    assert (str(failure), failure.exit_code, failure.stage) == (message, code, "exec")


def test_what_is_not_a_program(tmp_path):
    for name, content, message in (
        ("text", b"hello", "exec format error"),
        ("script", b"#!/nosuch\n", "no such file or directory"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o755)
        steps = ProcessScript()
        steps.execute(process_of(str(path)))
        assert str(run(steps)) == f"exec {path}: {message}"


def test_directories_and_plain_files_in_the_path_are_passed_over(tmp_path):
    (tmp_path / "a" / "echo").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "echo").write_text("")
    steps = ProcessScript()
    steps.execute(process_of("echo", "x", env=[f"PATH={tmp_path}/a:{tmp_path}/b:/bin"]))
    assert run(steps) == (b"x\n", 0)


def test_the_working_directory(tmp_path):
    steps = ProcessScript()
    steps.change_directory(str(tmp_path))
    steps.execute(process_of("pwd"))
    assert run(steps) == (os.fsencode(tmp_path) + b"\n", 0)


@pytest.mark.parametrize(
    "path", ["/nonexistent", "/etc/passwd", "/proc/self/fd/1", "/proc/self/cwd"]
)
def test_what_is_no_working_directory(path):
    steps = ProcessScript()
    steps.change_directory(path)
    steps.execute(process_of("pwd"))
    failure = run(steps)
    assert str(failure).startswith(f'chdir to cwd ("{path}") set in config.json failed: ')
    assert failure.stage == "cwd"


def test_streams_are_put_in_place_and_nothing_else_is_left(tmp_path):
    file = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    other = openat2(-100, "/", os.O_PATH)
    steps = ProcessScript()
    kept = Stdio(other, file, file)
    for fd in (file, other):
        os.set_inheritable(fd, True)
    steps.use_stdio(process_of("x"), kept, 1)
    steps.execute(process_of("sh", "-c", "ls -l /proc/self/fd; exit 5"))
    out, status = run(steps)
    assert (out, status) == (b"", 5)
    lines = (tmp_path / "out").read_text().splitlines()
    shown = {line.split()[-3]: line.split()[-1] for line in lines if "->" in line}
    del shown["3"]  # the directory that is listed
    assert shown == {"0": "/", "1": str(tmp_path / "out"), "2": str(tmp_path / "out")}
    assert CHANNEL == 3
    os.close(file)
    os.close(other)


def test_a_stage_names_what_has_no_words_of_its_own():
    steps = ProcessScript()
    steps.stage("making a thing")
    steps.script.call("openat", -100, steps.script.text("/nonexistent"), 0)
    assert str(run(steps)) == "making a thing: no such file or directory"


def test_it_hides_and_dies_with_its_parent():
    steps = ProcessScript()
    steps.begin("baleen-test")
    steps.stage("then")
    steps.execute(process_of("true"))
    assert run(steps) == (b"", 0)
