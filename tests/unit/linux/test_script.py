"""Scripts that are run by this machine's kernel."""

import errno
import os
import stat
import subprocess

import pytest

from baleen.linux.script import ANY, FAILURE, Label, Script, sealed


def run(script, read=True):
    """(output on 1, message of failure, exit status) of a script that reports to 2."""
    ends = [os.pipe() for _ in range(2)]
    with sealed(script.image(2), "script") as program:
        pid = os.posix_spawn(
            f"/proc/self/fd/{program.fileno()}",
            ["script"],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, ends[n][1], n + 1) for n in range(2)],
        )
    texts = []
    for reader, writer in ends:
        os.close(writer)
        with open(reader, "rb") as file:
            texts.append(file.read())
    return *texts, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def say(script, text):
    return script.call("write", 1, script.text(text), len(text))


def end(script, status=0):
    script.call("exit_group", status)


def test_calls_are_made_in_order():
    script = Script()
    say(script, "one ")
    say(script, "two")
    end(script, 3)
    assert run(script) == (b"one two", b"", 3)
    assert len(script) == 3


def test_the_first_failure_ends_it_and_is_told():
    script = Script()
    say(script, "before")
    failed = script.call("openat", -100, script.text("/nonexistent"), 0)
    say(script, "after")
    out, message, status = run(script)
    assert (out, status) == (b"before", 1)
    address, number = FAILURE.unpack(message)
    assert (script.failed_step(address), number) == (failed.index, errno.ENOENT)
    assert script.failed_step(address + 1) == -1
    assert script.failed_step(0) == -1


@pytest.mark.parametrize(
    ("ignore", "goes_on"), [(ANY, True), (errno.ENOENT, True), (errno.EACCES, False)]
)
def test_an_error_may_be_none(ignore, goes_on):
    script = Script()
    script.call("openat", -100, script.text("/nonexistent"), 0, ignore=ignore)
    say(script, "on")
    end(script)
    assert (run(script)[0] == b"on") is goes_on


def test_an_error_may_lead_elsewhere():
    script, there = Script(), Label()
    script.call("openat", -100, script.text("/nonexistent"), 0, otherwise=there)
    say(script, "not here")
    script.place(there)
    say(script, "there")
    end(script)
    assert run(script)[0] == b"there"


def test_a_result_is_handed_on(tmp_path):
    path = tmp_path / "file"
    path.touch()
    script = Script()
    opened = script.call("openat", -100, script.text(str(path)), os.O_WRONLY)
    written = script.call("write", 0, script.text("content"), 7)
    script.hand_on(opened, written, 0)
    end(script)
    run(script)
    assert path.read_text() == "content"


def test_the_address_of_a_result_is_an_argument():
    script = Script()
    made = say(script, "abc")
    script.call("write", 1, made, 8)
    end(script)
    assert run(script)[0] == b"abc" + (3).to_bytes(8, "little")


@pytest.mark.parametrize(("value", "jumps"), [(0x61, True), (0x62, False), (0x60, False)])
def test_bytes_are_compared(value, jumps):
    script, equal = Script(), Label()
    script.jump_if_equal(script.text("xa") + 1, 0xFF, value, equal)
    say(script, "other")
    end(script)
    script.place(equal)
    say(script, "equal")
    end(script)
    assert run(script)[0] == (b"equal" if jumps else b"other")


def test_a_byte_is_compared_in_part():
    script, equal = Script(), Label()
    script.jump_if_equal(script.text("a"), 0xF0, 0x60, equal)
    script.fail()
    script.place(equal)
    end(script, 4)
    assert run(script)[2] == 4


def test_it_can_fail_on_purpose():
    script = Script()
    failed = script.fail()
    _, message, status = run(script)
    assert status == 1
    assert script.failed_step(FAILURE.unpack(message)[0]) == failed.index


def test_failures_follow_the_descriptor():
    script = Script()
    script.report_to(script.call("dup3", 1, 9, 0))
    script.fail()
    out, message, _ = run(script)
    assert (len(out), message) == (FAILURE.size, b"")


def test_it_becomes_another_program():
    script = Script()
    arguments = script.vector(["echo", b"\xff", ""])
    script.call("execve", script.text("/bin/echo"), arguments, script.vector(["A=b"]))
    assert run(script)[0] == b"\xff \n"


def test_a_large_one():
    script = Script()
    text = script.data(b"x" * 200_000)
    for _ in range(500):
        script.call("umask", 0o22)
    script.call("write", 1, text + 199_990, 10)
    end(script)
    assert run(script)[0] == b"x" * 10


def test_texts_have_no_nul_inside():
    with pytest.raises(ValueError, match="null"):
        Script().text("a\0b")


def test_the_program_has_nothing_executable_and_writable(tmp_path):
    script = Script()
    end(script)
    path = tmp_path / "program"
    path.write_bytes(script.image(2))
    command = ["readelf", "-lW", path]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    lines = [line.split() for line in listed.splitlines()]
    flags = ["".join(w[6:-1]) for w in lines if w[:1] in (["LOAD"], ["GNU_STACK"])]
    assert flags == ["RE", "RW", "RW"]


def test_a_sealed_file_cannot_be_changed():
    with sealed(b"content", "name") as file:
        for action in (
            lambda: os.pwrite(file.fileno(), b"x", 0),
            lambda: os.ftruncate(file.fileno(), 0),
            lambda: os.ftruncate(file.fileno(), 100),
        ):
            with pytest.raises(PermissionError):
                action()
        assert os.pread(file.fileno(), 100, 0) == b"content"
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o111
        assert not os.get_inheritable(file.fileno())
