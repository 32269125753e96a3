"""`--systemd-cgroup`: systemd makes the container's group. Skipped where it does not run."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from bed import wait_until

HAS_SYSTEMD = (
    os.path.isdir("/run/systemd/system") and Path("/sys/fs/cgroup/cgroup.controllers").exists()
)
needs_systemd = pytest.mark.skipif(
    not HAS_SYSTEMD, reason="systemd is not the first process, or the host has cgroup v1"
)
MIB = 1 << 20


@pytest.fixture
def scope():
    """A name for a scope in a slice of its own, both gone afterwards."""
    token = f"bltest{os.urandom(3).hex()}"
    yield f"{token}.slice:bl:{token}"
    unit = f"bl-{token}.scope"
    wait_until("the scope is gone", lambda: show(unit, "LoadState") == "not-found", timeout_s=30)
    subprocess.run(["systemctl", "stop", f"{token}.slice"], check=True, timeout=100)


def show(unit, name):
    command = ["systemctl", "show", "--value", f"--property={name}", unit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def unit_of(scope):
    _, prefix, name = scope.split(":")
    return f"{prefix}-{name}.scope"


def group_of(pid):
    return Path("/sys/fs/cgroup" + Path(f"/proc/{pid}/cgroup").read_text().strip()[3:])


def in_scope(runtime, scope, *args, change=lambda document: None):
    def changed(document):
        document["linux"]["cgroupsPath"] = scope
        change(document)

    runtime.configure(*args, change=changed)
    command = runtime.command
    runtime.command = lambda *words: command("--systemd-cgroup", *words)


@needs_systemd
def test_the_life_of_a_container_in_a_scope(runtime, scope):
    def limited(document):
        document["linux"]["resources"]["memory"] = {"limit": 64 * MIB}

    in_scope(runtime, scope, "sleep", "1000", change=limited)
    runtime.create()
    group = group_of(runtime.pid())
    assert group.name == unit_of(scope)
    assert show(unit_of(scope), "MemoryMax") == str(64 * MIB)
    assert show(unit_of(scope), "Delegate") == "yes"
    runtime("start", "c1")
    runtime("update", "--memory", "80m", "--cpu-quota", "50000", "c1")
    assert (group / "memory.max").read_text().strip() == str(80 * MIB)
    assert (group / "cpu.max").read_text().strip() == "50000 100000"
    assert show(unit_of(scope), "MemoryMax") == str(80 * MIB)
    assert show(unit_of(scope), "CPUQuotaPerSecUSec") == "500ms"
    runtime("exec", "c1", "true")
    runtime("pause", "c1")
    assert runtime.state()["status"] == "paused"
    runtime("resume", "c1")
    assert str(runtime.pid()) in runtime("ps", "--format", "json", "c1")
    runtime.kill()
    runtime("delete", "c1")


@needs_systemd
def test_run_again_at_once_waits_for_the_scope_of_before(runtime, scope):
    in_scope(runtime, scope, "true")
    for _ in range(5):
        runtime("run", "-b", str(runtime.bundle), "c1")


@needs_systemd
def test_a_scope_that_somebody_is_in_is_refused_and_let_be(runtime, scope):
    in_scope(runtime, scope, "sleep", "1000")
    runtime.create()
    runtime("run", "-b", str(runtime.bundle), "c2", code=1)
    assert "exists and holds processes" in runtime.errors
    assert runtime.state()["status"] == "created"
    runtime("delete", "--force", "c1")


@needs_systemd
def test_a_user_namespace_may_be_in_one(runtime, scope):
    def mapped(document):
        document["linux"]["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
        document["linux"]["uidMappings"] = document["linux"]["gidMappings"] = mapping
        del document["linux"]["sysctl"]  # which has groups that the namespace has not

    in_scope(runtime, scope, "sleep", "1000", change=mapped)
    for directory, _, files in os.walk(runtime.bundle / "rootfs"):
        for name in (".", *files):
            os.chown(f"{directory}/{name}", 100_000, 100_000, follow_symlinks=False)
    for parent in runtime.bundle.parents[:3]:
        if os.stat(parent).st_mode & 0o001 == 0:
            os.chmod(parent, 0o711)
    runtime.create()
    assert group_of(runtime.pid()).name == unit_of(scope)
    runtime("start", "c1")
    assert runtime("exec", "c1", "id", "-u") == "0\n"
    runtime("delete", "--force", "c1")


@needs_systemd
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/a/b", "expected cgroupsPath to be of format"),
        ("a:b:c", "invalid slice name: a"),
    ],
)
def test_a_path_that_is_no_scope_is_refused_before_anything_is_made(runtime, path, message):
    in_scope(runtime, path, "true")
    runtime("run", "-b", str(runtime.bundle), "c1", code=1)
    assert message in runtime.errors
    assert not os.path.exists(runtime.root) or os.listdir(runtime.root) == []


@needs_systemd
def test_a_limit_that_is_refused_leaves_no_scope(runtime, scope):
    def bad(document):
        document["linux"]["resources"]["unified"] = {"memory.high": "nonsense"}

    in_scope(runtime, scope, "true", change=bad)
    runtime("run", "-b", str(runtime.bundle), "c1", code=1)
    assert "memory.high" in runtime.errors
    assert os.listdir(runtime.root) == []


@pytest.mark.skipif(HAS_SYSTEMD, reason="this host's systemd can make scopes")
def test_a_host_without_it_is_told_in_runcs_words(runtime):
    in_scope(runtime, "system.slice:a:b", "true")
    runtime("run", "-b", str(runtime.bundle), "c1", code=1)
    assert "systemd support for managing cgroups is not available" in runtime.errors
    assert not os.path.exists(runtime.root)
    assert json.loads(runtime("list", "--format", "json") or "null") is None
