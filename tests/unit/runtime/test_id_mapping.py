"""Mappings as documents give them, and the namespaces that hold them."""

import os

import pytest

from baleen.runtime.failure import LaunchError
from baleen.runtime.fields import Fields
from baleen.runtime.id_mapping import (
    IdMapping,
    IdMappings,
    new_user_namespace,
    parse_id_mappings,
)


def entry(container, host, size):
    return {"containerID": container, "hostID": host, "size": size}


def parse(uids, gids=None):
    fields = {"uidMappings": uids, "gidMappings": uids if gids is None else gids}
    return parse_id_mappings(Fields(fields, "x."))


def test_ranges_are_read_and_ids_found_in_them():
    mappings = parse([entry(0, 1000, 10), entry(10, 5, 1)], [entry(0, 7, 1)])
    assert mappings == IdMappings(
        (IdMapping(0, 1000, 10), IdMapping(10, 5, 1)), (IdMapping(0, 7, 1),)
    )
    assert [mappings.host_uid(uid) for uid in (0, 9, 10, 11)] == [1000, 1009, 5, None]
    assert [mappings.host_gid(gid) for gid in (0, 1)] == [7, None]


def test_no_mapping_is_none():
    assert parse([]) is None


@pytest.mark.parametrize(
    ("uids", "gids", "text"),
    [
        ([entry(0, 0, 1)], [], "needed together"),
        ([{}], None, "x.uidMappings[0]: containerID, hostID and size are needed"),
        ([{"containerID": 0, "hostID": 0}], None, "size are needed"),
        ([entry(0, 0, 0)], None, "x.uidMappings[0].size"),
        ([entry(0, 2**32 - 2, 2)], None, "beyond the last id"),
        ([entry(0, 0, 5), entry(4, 10, 1)], None, "overlap at 4"),
        ([entry(0, 0, 5), entry(5, 4, 1)], None, "overlap at 4"),
        ([entry(i, i, 1) for i in range(341)], None, "340 ranges"),
        ([entry("0", 0, 1)], None, "x.uidMappings[0].containerID"),
    ],
)
def test_what_no_kernel_takes_is_refused_by_name(uids, gids, text):
    with pytest.raises(LaunchError) as caught:
        parse(uids, gids)
    assert text in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="another mapping than one's own needs root")
def test_a_namespace_has_the_mapping_and_no_process():
    before = os.listdir("/proc/self/fd")
    fd = new_user_namespace(parse([entry(0, 100000, 10), entry(20, 5, 1)], [entry(0, 200000, 3)]))
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            from baleen.linux.namespaces import CLONE_NEWUSER, setns

            setns(fd.fileno(), CLONE_NEWUSER)
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/self/{name}") as file:
                    os.write(writer, " ".join(file.read().split()).encode() + b"\n")
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert os.read(reader, 1000) == b"0 100000 10 20 5 1\n0 200000 3\n"
    os.close(reader)
    fd.close()
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
