"""AppArmor profiles of documents and of `exec`; `tools/test-vm --lsm apparmor` has AppArmor."""

import subprocess
from pathlib import Path

import pytest

PARSER = "/usr/sbin/apparmor_parser"
PROFILES = Path("/sys/kernel/security/apparmor/profiles")
CURRENT = ("cat", "/proc/self/attr/current")
TEXT = """
profile baleen-test-one flags=(attach_disconnected,mediate_deleted) { capability, file, signal, }
profile baleen-test-two flags=(attach_disconnected,mediate_deleted) { capability, file, signal, }
"""
ONE, TWO = "baleen-test-one (enforce)\n", "baleen-test-two (enforce)\n"

pytestmark = pytest.mark.skipif(
    not (PROFILES.exists() and Path(PARSER).exists()),
    reason="this host has no AppArmor: tools/test-vm --lsm apparmor",
)


@pytest.fixture(autouse=True)
def _loaded():
    for action in ("-r", "-R"):
        subprocess.run([PARSER, "-K", action], input=TEXT, text=True, check=True, timeout=60)
        if action == "-r":
            yield


@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_the_profile_of_a_document(runtime, no_new_privileges):
    runtime.configure(
        *CURRENT, apparmorProfile="baleen-test-one", noNewPrivileges=no_new_privileges
    )
    assert runtime("run", "--bundle", str(runtime.bundle), "c1") == ONE


def test_without_one_it_is_not_confined(runtime):
    for profile in ("", "unconfined"):
        runtime.configure(*CURRENT, apparmorProfile=profile)
        assert runtime("run", "--bundle", str(runtime.bundle), "c1") == "unconfined\n"


def test_exec_has_the_containers_or_its_own(runtime):
    runtime.configure("sleep", "1000", apparmorProfile="baleen-test-one")
    runtime.detached("run", "-d", "--bundle", str(runtime.bundle), "c1")
    assert runtime("exec", "c1", *CURRENT) == ONE
    assert runtime("exec", "--apparmor", "baleen-test-two", "c1", *CURRENT) == TWO
    runtime("exec", "--apparmor", "no-such", "c1", *CURRENT, code=255)
    assert 'unable to apply apparmor profile "no-such"' in runtime.errors
    runtime("delete", "--force", "c1")


def test_one_that_is_not_loaded_is_named_and_nothing_is_left(runtime):
    runtime.configure(*CURRENT, apparmorProfile="no-such")
    runtime("create", "--bundle", str(runtime.bundle), "c1", code=1)
    assert 'unable to apply apparmor profile "no-such": the profile is not loaded' in runtime.errors
    assert runtime("list", "-q") == ""
