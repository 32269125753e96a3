import os
import signal

import pytest

from baleen.linux import process


def _in_child(body):
    """Run `body` in a forked child; its result as an exit code."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = body()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _status(name):
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(f"{name}:"))


def test_no_new_privileges_and_name_are_seen_in_status():
    def body():
        process.set_no_new_privileges()
        process.set_name("a-new-name")
        return int(_status("NoNewPrivs") == "1" and _status("Name") == "a-new-name")

    assert _in_child(body) == 1


def test_everything_but_what_is_kept_is_closed():
    def body():
        keep = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(5):
            os.dup(keep)
        process.close_all_except({1, keep})
        # Listing by descriptor makes no path lookup and one copy of the descriptor.
        return len(os.listdir(keep))

    assert _in_child(body) == 3


def test_dumpable_and_the_other_flags_are_accepted():
    def body():
        process.set_dumpable(dumpable=False)
        process.set_parent_death_signal(signal.SIGKILL)
        process.set_child_subreaper(enabled=True)
        process.set_keep_capabilities(keep=True)
        process.set_keep_capabilities(keep=False)
        return 0

    assert _in_child(body) == 0


def test_a_process_is_signalled_and_reaped_through_its_descriptor():
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    with process.pidfd_open(pid) as pidfd:
        assert process.wait_pidfd(pidfd.fileno(), block=False) is None
        assert process.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
        assert process.wait_pidfd(pidfd.fileno()) == 137
        assert not process.pidfd_send_signal(pidfd.fileno(), signal.SIGKILL)
        with pytest.raises(ChildProcessError):
            process.wait_pidfd(pidfd.fileno())


def test_an_exit_code_is_passed_on():
    pid = os.fork()
    if pid == 0:
        os._exit(5)
    with process.pidfd_open(pid) as pidfd:
        assert process.wait_pidfd(pidfd.fileno()) == 5


def test_secure_bits_need_a_right_or_are_set():
    def body():
        try:
            process.set_securebits(0)
        except PermissionError as error:
            return int(error.__notes__ == ["prctl PR_SET_SECUREBITS"])
        return 1

    assert _in_child(body) == 1
