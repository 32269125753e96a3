"""Which profile a container gets; the kernel's part is in tests/integration/engine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from baleen.api import HostConfig
from baleen.engine.apparmor import AppArmor, _run
from baleen.linux.lsm import apparmor_is_enabled


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({}, "docker-default"),
        ({"security_opt": ["apparmor=mine"]}, "mine"),
        ({"security_opt": ["apparmor=unconfined"]}, "unconfined"),
        ({"security_opt": ["apparmor="]}, "docker-default"),
        ({"privileged": True}, "unconfined"),
        ({"privileged": True, "security_opt": ["apparmor=mine"]}, "unconfined"),
    ],
)
def test_the_profile_of_a_container(host, expected):
    assert AppArmor(is_enabled=True).profile_of(HostConfig(**host)) == expected
    # As with dockerd, what is asked for has no effect where nothing could be done about it.
    assert AppArmor(is_enabled=False).profile_of(HostConfig(**host)) == ""


def test_only_our_own_profile_is_ours_to_load():
    modules = AppArmor(is_enabled=True)
    for profile in ("mine", "unconfined", None):
        assert modules.has(profile)
        modules.ensure(profile)


@pytest.mark.skipif(apparmor_is_enabled(), reason="AppArmor is at work here")
def test_without_apparmor_there_is_nothing_to_load_and_nothing_to_warn_of():
    assert not AppArmor().is_enabled
    assert AppArmor().load_default() == ""


def test_root_of_a_user_namespace_has_no_say_in_it():
    ask = "from baleen.engine.apparmor import AppArmor; print(AppArmor().is_enabled)"
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", ask]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == "False\n", done.stderr


def test_a_program_of_the_host_gets_its_input_and_is_heard():
    status, output = _run(["/bin/sh", "-c", "cat; echo to both >&2; exit 3"], b"given ")
    assert (status, output) == (3, "given to both")


def test_it_gets_nothing_else_of_ours(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    with open(os.devnull) as kept:
        os.set_inheritable(kept.fileno(), False)
        script = f"test ! -e /proc/self/fd/{kept.fileno()} && env | cut -d= -f1"
        status, output = _run(["/bin/sh", "-c", script], b"")
    assert status == 0
    assert set(output.split()) <= {"LC_ALL", "PATH", "PWD", "SHLVL", "_"}
