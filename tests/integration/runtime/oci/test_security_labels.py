"""Labels of documents and of `exec`; `tools/test-vm --lsm apparmor` (or `selinux`) has a module."""

import json
import subprocess
from pathlib import Path

import pytest

from baleen.engine.relabeling import relabel

PARSER = "/usr/sbin/apparmor_parser"
PROFILES = Path("/sys/kernel/security/apparmor/profiles")
POLICY = Path("/etc/selinux/small")
CURRENT = ("cat", "/proc/self/attr/current")
TEXT = """
profile baleen-test-one flags=(attach_disconnected,mediate_deleted) { capability, file, signal, }
profile baleen-test-two flags=(attach_disconnected,mediate_deleted) { capability, file, signal, }
"""
ONE, TWO = "baleen-test-one (enforce)\n", "baleen-test-two (enforce)\n"
CONTEXT = "system_u:system_r:container_t:s0:c1,c2"
OTHER = "system_u:system_r:other_t:s0:c1,c2"
FILES = "system_u:object_r:container_file_t:s0:c1,c2"

needs_apparmor = pytest.mark.skipif(
    not (PROFILES.exists() and Path(PARSER).exists()),
    reason="this host has no AppArmor: tools/test-vm --lsm apparmor",
)
needs_selinux = pytest.mark.skipif(
    not POLICY.exists(),
    reason="this host has not the SELinux policy of these tests: tools/test-vm --lsm selinux",
)


@pytest.fixture
def _loaded():
    for action in ("-r", "-R"):
        subprocess.run([PARSER, "-K", action], input=TEXT, text=True, check=True, timeout=60)
        if action == "-r":
            yield


def refused(runtime) -> bool:
    """Whether the last command told which profile is not there."""
    text = runtime.errors.replace("\\", "")
    return 'unable to apply apparmor profile "no-such": the profile is not loaded' in text


@pytest.fixture
def labelled(runtime):
    """The runtime, whose containers' files are for processes in CONTEXT."""
    relabel(str(runtime.bundle / "rootfs"), FILES)
    return runtime


@needs_apparmor
@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_the_profile_of_a_document(runtime, no_new_privileges):
    runtime.configure(
        *CURRENT, apparmorProfile="baleen-test-one", noNewPrivileges=no_new_privileges
    )
    assert runtime("run", "--bundle", str(runtime.bundle), "c1") == ONE


@needs_apparmor
@pytest.mark.usefixtures("_loaded")
def test_the_profile_in_a_user_namespace(runtime):
    def own_users(document):
        ids = [{"containerID": 0, "hostID": 0, "size": 65536}]
        document["linux"]["namespaces"].append({"type": "user"})
        document["linux"] |= {"uidMappings": ids, "gidMappings": ids}
        # The kernel takes only groups that have a mapping.
        document["linux"]["sysctl"]["net.ipv4.ping_group_range"] = "0 65535"

    runtime.configure("sleep", "1000", apparmorProfile="baleen-test-one", change=own_users)
    runtime.detached("run", "-d", "--bundle", str(runtime.bundle), "c1")
    pid = json.loads(runtime("state", "c1"))["pid"]
    assert Path(f"/proc/{pid}/attr/current").read_text() == ONE
    assert runtime("exec", "c1", *CURRENT) == ONE
    runtime("delete", "--force", "c1")


@needs_apparmor
def test_without_one_it_is_not_confined(runtime):
    for profile in ("", "unconfined"):
        runtime.configure(*CURRENT, apparmorProfile=profile)
        assert runtime("run", "--bundle", str(runtime.bundle), "c1") == "unconfined\n"


@needs_apparmor
@pytest.mark.usefixtures("_loaded")
def test_exec_has_the_containers_or_its_own(runtime):
    runtime.configure("sleep", "1000", apparmorProfile="baleen-test-one")
    runtime.detached("run", "-d", "--bundle", str(runtime.bundle), "c1")
    assert runtime("exec", "c1", *CURRENT) == ONE
    assert runtime("exec", "--apparmor", "baleen-test-two", "c1", *CURRENT) == TWO
    runtime("exec", "--apparmor", "no-such", "c1", *CURRENT, code=255)
    assert refused(runtime)
    runtime("delete", "--force", "c1")


@needs_apparmor
def test_one_that_is_not_loaded_is_named_and_nothing_is_left(runtime):
    runtime.configure(*CURRENT, apparmorProfile="no-such")
    runtime("create", "--bundle", str(runtime.bundle), "c1", code=1)
    assert refused(runtime)
    assert runtime("list", "-q") == ""


def confined(document):
    document["process"]["selinuxLabel"] = CONTEXT
    document["linux"]["mountLabel"] = FILES


@needs_selinux
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_the_contexts_of_a_document(labelled, no_new_privileges):
    script = "cat /proc/self/attr/current; echo a > /dev/shm/x && echo b > /dev/y && cat /dev/shm/x"
    labelled.configure("sh", "-c", script, change=confined, noNewPrivileges=no_new_privileges)
    found = labelled("run", "--bundle", str(labelled.bundle), "c1")
    assert found.split("\0") == [CONTEXT, "a\n"]


@needs_selinux
def test_exec_has_the_containers_context_or_its_own(labelled):
    labelled.configure("sleep", "1000", change=confined)
    labelled.detached("run", "-d", "--bundle", str(labelled.bundle), "c1")
    assert labelled("exec", "c1", *CURRENT) == CONTEXT + "\0"
    assert labelled("exec", "--process-label", OTHER, "c1", *CURRENT) == OTHER + "\0"
    labelled("exec", "--process-label", "u:r:t", "c1", *CURRENT, code=255)
    assert "the policy of this host has no such context" in labelled.errors
    labelled("delete", "--force", "c1")


@needs_selinux
def test_files_with_another_label_are_out_of_reach(runtime):
    runtime.configure("true", change=confined)
    runtime("run", "--bundle", str(runtime.bundle), "c1", code=1)
    assert "permission denied" in runtime.errors.lower()
