"""Forks: who the parent is, and failures; namespaces need root: the integration tests."""

from __future__ import annotations

import os

import pytest

from baleen.linux import namespaces as ns
from baleen.runtime.failure import LaunchError
from baleen.runtime.forking import fork_into


def test_a_child_runs_what_it_is_told():
    pid = fork_into(0, lambda: os._exit(7))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_sibling_is_not_our_child():
    middle = os.fork()
    if middle == 0:
        sibling = fork_into(0, lambda: os._exit(7), sibling=True)
        try:
            os.waitpid(sibling, 0)
        except ChildProcessError:
            os._exit(5)
        os._exit(6)
    codes = [os.waitstatus_to_exitcode(os.waitpid(-1, 0)[1]) for _ in range(2)]
    assert sorted(codes) == [5, 7]


def test_a_kind_that_cannot_be_unshared_is_an_error():
    with pytest.raises(LaunchError, match="cannot fork the container's process") as caught:
        fork_into(ns.CLONE_NEWPID | 1 << 40, lambda: os._exit(1))
    assert caught.value.exit_code == 128
