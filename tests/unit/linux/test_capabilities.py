import os

import pytest

from baleen.linux import capabilities

# What Docker gives a plain container (moby oci/caps/defaults.go), as /proc/PID/status shows it.
DEFAULT = """
CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP
NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE
"""


def test_the_default_set_of_docker_has_its_known_mask():
    names = [f"CAP_{name}" for name in DEFAULT.split()]
    assert capabilities.parse_mask(names) == 0x00000000A80425FB
    assert set(capabilities.names_of(0xA80425FB)) == set(names)


def test_numbers_are_those_of_the_kernel_header():
    assert capabilities.CAPABILITIES["CAP_SYS_ADMIN"] == 21
    assert capabilities.CAPABILITIES["CAP_SETFCAP"] == 31
    assert capabilities.CAPABILITIES["CAP_CHECKPOINT_RESTORE"] == 40
    assert len(capabilities.CAPABILITIES) == 41


@pytest.mark.parametrize("name", ["", "CHOWN", "cap_chown", "CAP_ALL", "CAP_CHOWN "])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="unknown capability"):
        capabilities.parse_mask([name])


def test_the_caller_reads_its_own_sets_as_the_kernel_shows_them():
    with open("/proc/thread-self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    effective, permitted, inheritable = capabilities.capget()
    assert effective == int(fields["CapEff"], 16)
    assert permitted == int(fields["CapPrm"], 16)
    assert inheritable == int(fields["CapInh"], 16)
    assert capabilities.available() == int(fields["CapBnd"], 16)


def test_the_last_capability_ends_the_bounding_set():
    assert capabilities.available() < 1 << capabilities.last_cap() + 1


def test_growing_the_permitted_set_is_refused_by_the_kernel():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            capabilities.capset(0, 0, 0)
            try:
                capabilities.capset(1, 1, 0)
            except PermissionError as error:
                code = 0 if error.__notes__ == ["capset"] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
