"""`create` leaves a PID 1 that waits, outlives its creator, and has everything but its program."""

import ctypes
import os

import pytest
from bed import wait_until

from baleen.linux.calls import syscall

_JOIN_SESSION_KEYRING = 1
keyctl = syscall("keyctl", ctypes.c_int, ctypes.c_char_p)


def test_it_waits_for_start_after_its_creator_has_ended(runtime, tmp_path):
    runtime.configure("echo", "hello")
    with open(tmp_path / "out", "wb") as output:
        runtime.create("--pid-file", str(tmp_path / "pid"), output=output)
    state = runtime.state()
    assert state["status"] == "created"
    assert state["bundle"] == str(runtime.bundle)
    assert int((tmp_path / "pid").read_text()) == state["pid"]
    assert os.stat(f"/proc/{state['pid']}/ns/pid").st_ino != os.stat("/proc/self/ns/pid").st_ino
    assert (tmp_path / "out").read_text() == ""
    runtime("start", "c1")
    runtime.wait(state["pid"])
    assert (tmp_path / "out").read_text() == "hello\n"
    assert runtime.state()["status"] == "stopped"
    runtime("delete", "c1")


def test_later_changes_of_the_document_have_no_effect(runtime, tmp_path):
    runtime.configure("echo", "first")
    with open(tmp_path / "out", "wb") as output:
        runtime.create(output=output)
    runtime.configure("echo", "second")
    pid = runtime.pid()
    runtime("start", "c1")
    runtime.wait(pid)
    assert (tmp_path / "out").read_text() == "first\n"
    runtime("delete", "c1")


def test_a_missing_program_fails_the_creation_and_leaves_nothing(runtime):
    runtime.configure("nonexistent")
    runtime("create", "-b", str(runtime.bundle), "c1", code=1)
    assert runtime.errors.endswith(
        'msg="baleen-runtime create failed: unable to start container process: exec:'
        ' \\"nonexistent\\": executable file not found in $PATH"\n'
    )
    assert os.listdir(runtime.root) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["root"].update(path="none"), "invalid rootfs"),
        (lambda d: d.pop("process"), "config.json has no process"),
        (lambda d: d["process"].update(terminal=True), "without setting console socket"),
        (lambda d: d["mounts"].append({"destination": "/proc/x"}), "inside /proc"),
        (lambda d: d["linux"]["resources"].update(devices={}), "devices: a list is needed"),
    ],
)
def test_bad_input_is_told_before_anything_is_made(runtime, change, message):
    runtime.configure("true", change=change)
    runtime("create", "-b", str(runtime.bundle), "c1", code=1)
    assert message in runtime.errors
    assert not os.path.exists(runtime.root) or os.listdir(runtime.root) == []


def test_a_name_is_taken_once(runtime):
    runtime.configure("sleep", "100")
    runtime.create()
    runtime.configure("sleep", "100", name="c2")
    runtime("create", "-b", str(runtime.bundle), "c1", code=1)
    assert "container with given ID already exists" in runtime.errors
    assert runtime.state()["status"] == "created"
    runtime("delete", "c1")


def test_a_pid_file_that_cannot_be_written_undoes_everything(runtime, tmp_path):
    runtime.configure("sleep", "100")
    path = str(tmp_path / "none/pid")
    runtime("create", "-b", str(runtime.bundle), "--pid-file", path, "c1", code=1)
    assert os.listdir(runtime.root) == []


def test_descriptors_are_preserved_and_no_others_are_there(runtime, tmp_path):
    runtime.configure("sh", "-c", "echo >&3 three; ls /proc/self/fd")
    reader, writer = os.pipe()

    def at_three():
        os.dup2(writer, 3)

    with open(tmp_path / "out", "wb") as output:
        runtime.create("--preserve-fds", "1", output=output, preexec_fn=at_three, close_fds=False)
    os.close(writer)
    pid = runtime.pid()
    runtime("start", "c1")
    runtime.wait(pid)
    assert os.read(reader, 100) == b"three\n"
    os.close(reader)
    assert (tmp_path / "out").read_text().split() == ["0", "1", "2", "3", "4"]
    runtime("delete", "c1")


def test_the_session_keyring_is_the_callers_only_if_that_is_wanted(runtime):
    name = f"baleen-test-{os.getpid()}"

    def join():
        keyctl(_JOIN_SESSION_KEYRING, name.encode())

    def is_used():
        with open("/proc/keys", encoding="ascii") as file:
            return any(f" {name}: " in line for line in file)

    runtime.configure("sleep", "100")
    runtime.create("--no-new-keyring", preexec_fn=join)
    runtime("start", "c1")
    assert is_used()
    runtime.kill()
    runtime("delete", "c1")
    wait_until("the keyring is gone with its user", lambda: not is_used())
    runtime.create(preexec_fn=join)
    runtime("start", "c1")
    wait_until("nobody uses the keyring", lambda: not is_used())
    runtime.kill()
    runtime("delete", "c1")
