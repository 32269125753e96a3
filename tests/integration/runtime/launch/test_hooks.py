"""Hooks of a real container: where each runs, with what state, and what their failure leaves."""

from __future__ import annotations

import json
import os

import pytest

from baleen.linux.process import wait_pidfd
from baleen.runtime.hooks import HookRunner
from baleen.runtime.launch import LaunchError
from baleen.runtime.spec import parse_spec

HOST = ("prestart", "createRuntime", "poststart")
CREATION = ("prestart", "createRuntime", "createContainer", "startContainer")


def _hook(script, **fields):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **fields}


def _document(runner, hooks, *args):
    document = runner.document(*(args or ("true",)))
    document["hooks"] = {kind: [_hook(script)] for kind, script in hooks.items()}
    document["annotations"] = {"org.example": "value"}
    return document


def test_they_run_in_their_order_and_are_told_the_state(runner, tmp_path):
    # A directory that both sides see.
    shared = tmp_path / "shared"
    shared.mkdir()
    hooks = {
        kind: f"cat > {shared}/{kind}; echo {kind} >> {shared}/order; ls /proc/self/fd"
        for kind in (*HOST, "createContainer")
    }
    hooks["startContainer"] = "cat > /shared/startContainer; echo startContainer >> /shared/order"
    document = _document(runner, hooks, "sh", "-c", "echo program >> /shared/order")
    document["mounts"].append(
        {"destination": "/shared", "source": str(shared), "options": ["bind"]}
    )
    with runner.captured() as (stdio, finish):
        container = runner.create(document, stdio=stdio, container_id="the-id")
        pid = container.pid
        container.start()
        finish()
        assert wait_pidfd(container.pidfd.fileno()) == 0
    order = (shared / "order").read_text().split()
    # The program and the hook after its start race; all else has its place.
    assert order[:4] == list(CREATION)
    assert sorted(order[4:]) == ["poststart", "program"]
    for kind in (*CREATION, "poststart"):
        state = json.loads((shared / kind).read_text())
        assert (state["id"], state["bundle"]) == ("the-id", runner.work)
        assert state["annotations"] == {"org.example": "value"}
        assert state["pid"] == (pid if kind in HOST else 1)
        expected = {"poststart": "running", "startContainer": "created"}.get(kind, "creating")
        assert state["status"] == expected


@pytest.mark.parametrize("kind", [*CREATION, "poststart"])
def test_each_runs_in_the_namespaces_that_the_specification_says(runner, tmp_path, kind):
    shared = tmp_path / "shared"
    shared.mkdir()
    place = "/shared" if kind == "startContainer" else shared
    script = f"for n in mnt net uts pid; do readlink /proc/self/ns/$n; done > {place}/out"
    document = _document(runner, {kind: script}, "sleep", "1000")
    document["mounts"].append(
        {"destination": "/shared", "source": str(shared), "options": ["bind"]}
    )
    container = runner.started(document=document)
    of = "self" if kind in HOST else str(container.pid)
    names = ("mnt", "net", "uts", "pid")
    wanted = [os.readlink(f"/proc/{of}/ns/{name}") for name in names]
    assert (shared / "out").read_text().split() == wanted


def test_a_hook_in_the_container_sees_the_hosts_tree_and_the_mounts_in_the_root(runner, tmp_path):
    script = (
        f"hostname > {tmp_path}/name; pwd > {tmp_path}/cwd; test -e proc/1/status"
        f" && echo made > etc/made && test -e {tmp_path}/lower/bin/busybox"
    )
    document = _document(runner, {"createContainer": script}, "cat", "/etc/made")
    assert runner.run_document(document).out == "made\n"
    assert (tmp_path / "name").read_text() == "baleen\n"


def test_before_the_program_a_hook_has_its_user_and_rights(runner):
    script = "id -u > /tmp/out; grep CapEff /proc/self/status >> /tmp/out"
    document = _document(runner, {"startContainer": script}, "cat", "/tmp/out")
    document["process"]["user"] = {"uid": 0, "gid": 0}
    assert runner.run_document(document).out == "0\nCapEff:\t00000000a80425fb\n"


@pytest.mark.parametrize("kind", [*CREATION, "poststart"])
def test_a_failure_is_the_failure_of_the_start_and_nothing_is_left(runner, kind):
    document = _document(runner, {kind: "echo why >&2; exit 3"}, "sleep", "1000")
    before = set(os.listdir("/proc"))
    with pytest.raises(LaunchError) as caught, runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio, cgroup=runner.cgroup()).start()
    message = f'error running {kind} hook #0 "/bin/sh": exit status 3: why'
    assert (str(caught.value), caught.value.exit_code) == (message, 128)
    left = {name for name in set(os.listdir("/proc")) - before if name.isdigit()}
    for pid in left:
        with open(f"/proc/{pid}/stat") as file:
            assert f" {os.getpid()} " not in file.read()


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "startContainer"])
def test_one_that_hangs_is_killed_at_its_timeout(runner, kind):
    document = runner.document("true")
    document["hooks"] = {kind: [_hook("sleep 1000", timeout=1)]}
    with pytest.raises(LaunchError, match="timeout of 1 s"), runner.captured() as (stdio, _):
        runner.create(document, stdio=stdio).start()


def test_a_hook_can_still_prepare_the_network(runner, tmp_path):
    script = (
        "pid=$(sed 's/.*\"pid\": \\([0-9]*\\).*/\\1/'); nsenter -t $pid -n"
        " ip link add made7 type bridge"
    )
    document = _document(runner, {"createRuntime": script}, "cat", "/proc/net/dev")
    assert "made7" in runner.run_document(document).out


def test_a_program_that_a_hook_makes_is_found(runner):
    script = "printf '#!/bin/sh\\necho made' > /bin/made; chmod +x /bin/made"
    document = _document(runner, {"startContainer": script}, "made")
    assert runner.run_document(document).out == "made\n"


def test_after_the_end_the_last_hooks_run_from_the_same_document(runner, tmp_path):
    document = _document(runner, {"poststop": f"cat > {tmp_path}/state"})
    spec = parse_spec(document)
    assert runner.run_document(document).code == 0
    hooks = HookRunner(spec.hooks, "id", runner.work, spec.annotations)
    assert hooks.run_poststop() == []
    assert json.loads((tmp_path / "state").read_text())["status"] == "stopped"
