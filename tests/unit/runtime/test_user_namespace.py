import os

from baleen.linux.fd import Fd
from baleen.runtime.user_namespace import OpenedTree, all_capabilities


def test_everything_opened_is_kept_for_pid_1():
    fds = [Fd(os.open("/", os.O_PATH)) for _ in range(3)]
    tree = OpenedTree(fds[0], {3: fds[1]}, {"/dev/null": fds[2]})
    assert tree.descriptors() == {fd.fileno() for fd in fds}
    for fd in fds:
        fd.close()


def test_a_new_user_namespace_has_every_capability_of_the_kernel():
    with open("/proc/sys/kernel/cap_last_cap") as file:
        assert all_capabilities().bit_length() == int(file.read()) + 1
