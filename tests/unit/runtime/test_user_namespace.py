import os
from pathlib import Path

import pytest

from baleen.linux.fd import Fd
from baleen.runtime.id_mapping import IdMapping, IdMappings
from baleen.runtime.prepare import Stdio
from baleen.runtime.user_namespace import OpenedTree, all_capabilities, give_streams, mappings_of


def test_everything_opened_is_kept_for_pid_1():
    fds = [Fd(os.open("/", os.O_PATH)) for _ in range(3)]
    tree = OpenedTree(fds[0], {3: fds[1]}, {"/dev/null": fds[2]})
    assert tree.descriptors() == {fd.fileno() for fd in fds}
    for fd in fds:
        fd.close()


def test_a_new_user_namespace_has_every_capability_of_the_kernel():
    with open("/proc/sys/kernel/cap_last_cap") as file:
        assert all_capabilities().bit_length() == int(file.read()) + 1


def test_mappings_of_a_process_are_read_as_the_host_sees_them():
    text = Path("/proc/self/uid_map").read_text().split()
    found = mappings_of(os.getpid())
    assert found.uids[0] == IdMapping(*map(int, text[:3]))
    assert found.gids
    with pytest.raises(FileNotFoundError):
        mappings_of(2**22)


def test_streams_become_the_users_where_it_may_reopen_them(tmp_path):
    uid, gid = os.getuid(), os.getgid()
    reading, writing = os.pipe()
    file = os.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY)
    try:
        before = os.fstat(file)
        ours = IdMappings((IdMapping(0, uid, 1),), (IdMapping(0, gid, 1),))
        give_streams(Stdio(reading, writing, file), ours, 0)
        assert os.fstat(file).st_ctime_ns == before.st_ctime_ns  # a file stays its owner's
        give_streams(Stdio(reading, writing, file), ours, 5)  # nobody of the host's
        assert (os.fstat(writing).st_uid, os.fstat(writing).st_gid) == (uid, gid)
    finally:
        for fd in (reading, writing, file):
            os.close(fd)
