"""Ending what lives in a user namespace."""

from __future__ import annotations

import os
import subprocess

import pytest

from baleen.rootless.remains import end_all, members, namespace_id


def test_our_own_namespace_is_never_ended():
    end_all(namespace_id("self"))
    end_all("")
    assert namespace_id(2**22 + 1) == ""


def test_everybody_in_a_namespace_is_ended():
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", "sleep 100 & echo; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if not process.stdout.readline():
            pytest.skip("no user namespaces here")
        inside = namespace_id(process.pid)
        assert inside != namespace_id("self")
        assert process.pid in members(inside)
        assert len(members(inside)) == 2
        end_all(inside)
        assert members(inside) == []
        process.wait()
    assert os.getpid() not in members(inside)
