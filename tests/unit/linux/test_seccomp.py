import errno
import os
import struct

import pytest

from baleen.linux.process import set_no_new_privileges
from baleen.linux.seccomp import install_filter


@pytest.mark.parametrize("program", [b"", b"1234567", bytes(8 * 65536)])
def test_what_is_no_program_is_refused_before_the_kernel_is_asked(program):
    with pytest.raises(ValueError, match="not a filter program"):
        install_filter(program)


def test_a_filter_that_refuses_everything_but_exit_is_obeyed():
    # load the number; exit_group and write are allowed, everything else gives EXDEV
    numbers = {"x86_64": (231, 1), "aarch64": (94, 64)}[os.uname().machine]
    load, jump, answer = 0x20, 0x15, 0x06
    program = struct.pack("HBBI", load, 0, 0, 0)
    program += struct.pack("HBBI", jump, 1, 0, numbers[0])
    program += struct.pack("HBBI", jump, 0, 1, numbers[1])
    program += struct.pack("HBBI", answer, 0, 0, 0x7FFF0000)
    program += struct.pack("HBBI", answer, 0, 0, 0x00050000 | errno.EXDEV)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            set_no_new_privileges()
            install_filter(program)
            os.getppid()
            os.mkdir("/tmp/never")
        except OSError as error:
            code = int(error.errno != errno.EXDEV)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
