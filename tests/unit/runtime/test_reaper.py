import os
import signal
import socket

from baleen.runtime import reaper
from baleen.runtime.sync import Channel


def _run(command):
    """The exit code of an init, forked here, whose command is `command`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.setsid()
        reaper.reap_for(Channel(theirs.detach()), command)
    theirs.close()
    with ours:
        assert ours.recv(10) == b""  # init and command have closed it
    return pid


def _code(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_exit_code_is_the_commands():
    assert _code(_run(lambda: os._exit(5))) == 5


def test_death_by_a_signal_is_told_as_shells_do():
    assert _code(_run(lambda: os.kill(os.getpid(), signal.SIGKILL))) == 137


def test_a_signal_is_forwarded():
    def command():
        os.execve(
            "/bin/sh", ["sh", "-c", "trap 'exit 4' USR1; kill -USR1 $PPID; sleep 10 & wait"], {}
        )

    assert _code(_run_exec(command)) == 4


def _run_exec(command):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        reaper.reap_for(Channel(theirs.fileno()), command)
    ours.close()
    theirs.close()
    return pid
