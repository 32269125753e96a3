"""The default profile, compiled and installed, seen from inside."""

import ctypes
import errno
import os
import platform
import socket

import pytest

from baleen.linux.process import set_no_new_privileges
from baleen.linux.seccomp import install_filter
from baleen.linux.syscall_table import numbers
from baleen.runtime.seccomp import compile_profile, default_profile, filter_flags

pytestmark = pytest.mark.integration

ARCH = platform.machine()
NUMBERS = numbers(ARCH)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def raw(name: str, *arguments: int) -> int:
    """Makes the call; 0 or the errno."""
    values = [ctypes.c_long(value) for value in (NUMBERS[name], *arguments)]
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(*values) < 0 else 0


def version() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor.split("-")[0])


def confined(code, capabilities=frozenset()) -> int:
    """Runs `code` in a child under the default profile; its result."""
    profile = default_profile()
    program = compile_profile(profile, capabilities=capabilities, arch=ARCH, kernel=version())
    flags = filter_flags(profile)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            set_no_new_privileges()
            install_filter(program, flags)
            os.write(writer, str(code()).encode())
        except BaseException as error:  # the parent shows it
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert text.isdigit(), text
    return int(text)


@pytest.mark.parametrize(
    "call",
    [
        ("mount", 0, 0, 0, 0, 0),
        ("umount2", 0, 0),
        ("unshare", 0x04000000),
        ("setns", -1, 0),
        ("keyctl", 0, -3, 0),
        ("add_key", 0, 0, 0, 0, 0),
        ("bpf", 0, 0, 0),
        ("perf_event_open", 0, 0, -1, -1, 0),
        ("io_uring_setup", 1, 0),
        ("userfaultfd", 0),
        ("open_by_handle_at", -1, 0, 0),
        ("pidfd_getfd", -1, 0, 0),
        ("fsopen", 0, 0),
        ("personality", 1),
        ("socket", 38, 5, 0),
        ("socket", 40, 1, 0),
        ("socket", 38 | 1 << 32, 5, 0),
        ("clone", 0x10000000 | 17, 0, 0, 0, 0),
    ],
    ids=lambda call: f"{call[0]}-{call[1]}",
)
def test_refused_calls_give_eperm(call):
    assert confined(lambda: raw(*call)) == errno.EPERM


def test_clone3_does_not_exist():
    assert confined(lambda: raw("clone3", 0, 0)) == errno.ENOSYS


def test_calls_newer_than_the_profile_do_not_exist():
    assert confined(lambda: raw("file_setattr", -1, 0, 0, 0, 0)) == errno.ENOSYS


def test_a_capability_opens_its_calls():
    # ENODEV-like answers come from the kernel itself, not from the filter.
    assert confined(lambda: raw("unshare", 0x04000000), {"CAP_SYS_ADMIN"}) == 0
    assert confined(lambda: raw("personality", 8)) == 0


def test_ordinary_work_goes_on():
    def work():
        with open("/proc/self/status") as status:
            assert "Seccomp:\t2" in status.read()
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
        socket.socketpair()[0].close()
        pid = os.fork()
        if pid == 0:
            os.execv("/bin/true", ["true"])
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    assert confined(work) == 0
