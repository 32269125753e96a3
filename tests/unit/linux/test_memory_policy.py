import os

import pytest

from baleen.linux.memory_policy import MPOL_MODES, node_mask, set_mempolicy


def test_a_policy_holds_for_the_process():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            set_mempolicy(MPOL_MODES["MPOL_BIND"], frozenset({0}))
            with open("/proc/self/numa_maps") as file:
                code = 0 if " bind:0 " in file.readline() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_without_nodes():
    set_mempolicy(MPOL_MODES["MPOL_DEFAULT"], frozenset())


def test_what_the_kernel_refuses_is_an_error():
    with pytest.raises(OSError, match="Invalid") as caught:
        set_mempolicy(99, frozenset())
    assert caught.value.__notes__ == ["set_mempolicy"]


def test_a_mask_is_of_whole_words():
    assert node_mask(frozenset({0, 9})) == b"\x01\x02" + bytes(6)
    assert node_mask(frozenset({64})) == bytes(8) + b"\x01" + bytes(7)
