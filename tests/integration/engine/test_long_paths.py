"""Roots whose sockets' paths are longer than the 107 bytes that an address holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import Bed

pytestmark = pytest.mark.integration


@pytest.fixture
def far():
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    bed = Bed(Path("/tmp") / f"baleen-{os.urandom(3).hex()}" / ("long" * 12))
    bed.socket = bed.directory.parent / "api.sock"
    bed.host = f"unix://{bed.socket}"
    try:
        bed.open()
        yield bed
    finally:
        bed.close()
        bed.directory.parent.rmdir()


def test_a_container_is_found_again_under_a_long_exec_root(far):
    far.docker("run", "-d", "--name", "deep", "busybox", "sleep", "1000")
    pid = far.state("deep")["Pid"]
    assert far.out("exec", "deep", "echo", "on") == "on"
    far.kill9()
    far.start()
    assert far.state("deep")["Pid"] == pid
    assert far.out("exec", "deep", "echo", "still") == "still"
