import os
from pathlib import Path

import pytest

from baleen.linux import lsm
from baleen.linux.fd import Fd


def test_apparmor_is_at_work_where_the_kernel_says_so():
    path = Path("/sys/module/apparmor/parameters/enabled")
    assert lsm.apparmor_is_enabled() == (path.exists() and path.read_text() == "Y\n")


def test_selinux_is_at_work_where_its_file_system_and_a_policy_are():
    expected = Path("/sys/fs/selinux/enforce").exists()
    if expected:
        expected = ":" in Path("/proc/self/attr/current").read_text()
    assert lsm.selinux_is_enabled() == expected


def test_the_attribute_of_apparmor_is_in_its_own_directory_where_there_is_one():
    own = Path("/proc/self/attr/apparmor/exec").exists()
    assert lsm.apparmor_attribute("exec") == f"self/attr/{'apparmor/' if own else ''}exec"


def test_proc_of_the_host_is_one():
    with lsm.host_proc() as proc:
        assert os.path.exists(f"/proc/self/fd/{proc.fileno()}/self/stat")


def test_an_attribute_that_is_not_there_is_told():
    with lsm.host_proc() as proc, pytest.raises(FileNotFoundError):
        lsm.write_attribute(proc, "self/attr/no-such", "x")


def test_the_way_to_an_attribute_crosses_no_magic_link_and_leaves_nothing(tmp_path):
    """What lies outside is not written to, whatever leads there."""
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    (tmp_path / "away").symlink_to(canary)
    directory = Fd(os.open(tmp_path, os.O_PATH))
    with directory, pytest.raises(OSError, match="cross-device"):
        lsm.write_attribute(directory, "away", "x")
    with lsm.host_proc() as proc, pytest.raises(OSError, match=r"symbolic links|cross-device"):
        lsm.write_attribute(proc, "self/cwd/canary", "x")
    assert canary.read_text() == "untouched"


def test_nothing_mounted_in_a_procfs_is_written_to():
    """binfmt_misc, or what a container could mount there."""
    with lsm.host_proc() as proc:
        mounted = next(
            (
                line.split()[4].removeprefix("/proc/")
                for line in Path("/proc/self/mountinfo").read_text().splitlines()
                if line.split()[4].startswith("/proc/")
            ),
            None,
        )
        if mounted is None:
            pytest.skip("nothing is mounted in /proc here")
        with pytest.raises(OSError, match="cross-device"):
            lsm.write_attribute(proc, f"{mounted}/x", "x")


def test_a_context_is_an_attribute_of_the_link_itself(tmp_path):
    target, link = tmp_path / "file", tmp_path / "link"
    target.touch()
    link.symlink_to(target)
    with Fd(os.open(link, os.O_PATH | os.O_NOFOLLOW)) as node:
        try:
            lsm.set_context(node.fileno(), "system_u:object_r:container_file_t:s0")
        except OSError as error:
            pytest.skip(f"labels cannot be set here: {error}")
    label = os.getxattr(link, "security.selinux", follow_symlinks=False)
    assert label == b"system_u:object_r:container_file_t:s0\0"
    assert label not in [
        os.getxattr(target, name) for name in os.listxattr(target) if name == "security.selinux"
    ]
