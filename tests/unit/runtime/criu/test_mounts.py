import os

import pytest

from baleen.runtime.criu.mounts import MountLine, mount_id, parse_mounts, read_mounts

TEXT = (
    "42 31 0:24 /b/rootfs / rw,relatime - tmpfs run rw,mode=755\n"
    "43 42 0:27 / /a\\040b\\134 ro,nosuid master:1 - proc proc rw\n"
)


def test_lines_are_read():
    root, proc = parse_mounts(TEXT)
    assert root == MountLine(42, 31, "0:24", "/b/rootfs", "/", ("rw", "relatime"), "tmpfs")
    assert (proc.place, proc.kind, proc.options) == ("/a b\\", "proc", ("ro", "nosuid"))


def test_something_else_is_an_error():
    with pytest.raises(ValueError, match="unpack"):
        parse_mounts("nothing\n")


def test_a_descriptor_tells_its_mount():
    fd = os.open("/proc", os.O_RDONLY)
    number = mount_id(f"/proc/self/fdinfo/{fd}")
    os.close(fd)
    places = {line.id: line.place for line in read_mounts(os.getpid())}
    assert places[number] == "/proc"
