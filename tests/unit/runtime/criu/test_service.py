import os
import socket

import pytest

from baleen.errors import NotImplemented as Unsupported
from baleen.errors import PermissionDenied
from baleen.linux.fd import Fd
from baleen.runtime.criu import messages, service

NOTICE = b"\x08\x06\x10\x01\x2a\x05\x0a\x03one"
DONE = b"\x08\x01\x10\x01"
FAILED = b"\x08\x01\x10\x00\x38\x16"


@pytest.fixture
def made(tmp_path):
    """Our side, and the other end of its socket."""
    ours, theirs = service.pair()
    work = Fd(os.open(tmp_path, os.O_RDONLY))
    with ours, theirs, work, Fd(os.memfd_create("errors")) as errors:
        yield service.Service(ours, errors, work, "criu.log"), theirs


def test_an_answer_ends_the_request(made):
    ours, theirs = made
    theirs.send(DONE)
    assert ours.ask(messages.DUMP, b"\x08\x05").success
    assert theirs.recv(100) == b"\x08\x01\x12\x02\x08\x05"


def test_notices_are_told_with_their_descriptors_and_answered(made):
    ours, theirs = made
    seen = []
    reader, writer = os.pipe()
    socket.send_fds(theirs, [NOTICE], [reader])
    os.close(reader)
    theirs.send(NOTICE)
    theirs.send(DONE)
    ours.ask(messages.DUMP, b"", lambda answer, fd: seen.append((answer.stage, fd)))
    theirs.recv(100)
    assert [theirs.recv(100), theirs.recv(100)] == [b"\x08\x06\x18\x01"] * 2
    (first, fd), (second, none) = seen
    assert (first, second, none) == ("one", "one", None)
    os.write(writer, b"x")
    os.close(writer)
    with fd:
        assert os.read(fd.fileno(), 1) == b"x"


@pytest.mark.parametrize("last", [FAILED, None])
def test_what_a_notice_is_refused_for_is_raised_once_criu_has_given_up(made, last):
    ours, theirs = made

    def refuse(_answer, _fd):
        raise PermissionDenied("too much")

    theirs.send(NOTICE)
    if last is None:
        theirs.shutdown(socket.SHUT_WR)  # as if it were killed
    else:
        theirs.send(last)
    with pytest.raises(PermissionDenied, match="too much"):
        ours.ask(messages.RESTORE, b"", refuse)
    theirs.recv(100)
    assert theirs.recv(100) == b"\x08\x06\x18\x00"


def test_a_failure_has_the_last_errors_of_the_log(made, tmp_path):
    ours, theirs = made
    (tmp_path / "criu.log").write_text(
        "(00.01) Error (criu/a.c:1): early\n(00.02) Warn  (criu/b.c:2): no\n"
        "(00.03)      1: Error (criu/a.c:2): cannot x.\n(00.03) Error (criu/a.c:2): cannot y\n"
        "(00.03) Error (criu/a.c:2): cannot y\n(00.04) Error (criu/c.c:2053): Dumping FAILED.\n"
    )
    theirs.send(FAILED)
    with pytest.raises(
        service.CriuFailed, match=r"^criu failed to checkpoint: cannot x; cannot y$"
    ):
        ours.ask(messages.DUMP, b"")


def test_without_a_log_it_is_what_criu_said_elsewhere(made, tmp_path):
    ours, theirs = made
    (tmp_path / "criu.log").symlink_to("/etc/passwd")
    theirs.send(FAILED)
    with pytest.raises(service.CriuFailed, match="Invalid argument"):
        ours.ask(messages.RESTORE, b"")
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(service.CriuFailed, match="ended without a word"):
        ours.ask(messages.DUMP, b"")


def test_noise_is_no_answer(made):
    ours, theirs = made
    theirs.send(b"\xff")
    with pytest.raises(service.CriuFailed, match="no message"):
        ours.ask(messages.DUMP, b"")


def test_criu_is_looked_for_where_programs_are(tmp_path, monkeypatch):
    fake = tmp_path / "criu"
    fake.write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(service, "_PATH", str(tmp_path / "none"))
    with pytest.raises(Unsupported, match=r"criu, which is not installed.*nothing was done"):
        service.find_criu()
    for path in (str(fake), str(tmp_path), "criu"):
        with pytest.raises(Unsupported, match="need criu"):
            service.find_criu(path)
    fake.chmod(0o755)
    assert service.find_criu(str(fake)) == str(fake)
    monkeypatch.setattr(service, "_PATH", f"{tmp_path}/none:{tmp_path}")
    assert service.find_criu() == str(fake)


def test_the_program_gets_nothing_but_what_it_is_given(tmp_path):
    script = tmp_path / "criu"
    script.write_text('#!/bin/sh\necho "$@" >&2\nenv >&2\nexec ls -l /proc/self/fd >&2\n')
    script.chmod(0o755)
    extra, given = os.dup(0), os.open("/", os.O_RDONLY)
    with Fd(os.memfd_create("errors")) as errors:
        os.set_inheritable(extra, True)
        pid = os.fork()
        if pid == 0:
            try:
                service.become_criu(str(script), given, errors=errors.fileno())
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        os.lseek(errors.fileno(), 0, os.SEEK_SET)
        lines = os.read(errors.fileno(), 1 << 16).decode().splitlines()
    os.close(extra)
    os.close(given)
    assert lines[0] == f"swrk {given}"
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert names <= {"PATH", "PWD", "_", "SHLVL"}, "the shell's own beside one"
    fds = {int(line.split()[8]): line.split()[10] for line in lines if " -> " in line}
    fds = {fd: target for fd, target in fds.items() if not target.endswith("/fd")}
    assert fds.keys() == {0, 1, 2, given}
    assert (fds[0], fds[given]) == ("/dev/null", "/")
