"""linux.netns: what can be seen without entering another namespace."""

import os

import pytest

from baleen.linux.netns import inside_netns, write_sysctl


def test_a_sysctl_that_does_not_exist_is_file_not_found():
    with pytest.raises(FileNotFoundError):
        write_sysctl("net/ipv9/conf/all/nothing", "1")


def test_no_descriptor_is_left_when_the_namespace_cannot_be_entered():
    before = len(os.listdir("/proc/self/fd"))
    no_namespace = os.open("/dev/null", os.O_RDONLY)
    with pytest.raises(OSError, match="Invalid argument"), inside_netns(no_namespace):
        raise AssertionError("entered")
    os.close(no_namespace)
    assert len(os.listdir("/proc/self/fd")) == before
