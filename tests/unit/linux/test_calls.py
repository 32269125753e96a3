import ctypes
import errno
import os

from baleen.linux import calls


def test_an_error_has_errno_text_path_and_the_name_of_the_call():
    error = calls.failure("openat2", "/x", errno.ENOENT)
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.filename) == (errno.ENOENT, "/x")
    assert error.strerror == os.strerror(errno.ENOENT)
    assert error.__notes__ == ["openat2"]


def test_a_syscall_sets_errno():
    close_range = calls.syscall("close_range", ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)
    assert close_range(5, 4, 0) == -1
    assert ctypes.get_errno() == errno.EINVAL


def test_numbers_are_known_for_both_architectures():
    assert calls._X86_64.keys() == calls._AARCH64.keys()
