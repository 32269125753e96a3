"""Rare asks of a document on the daemon's way: the worker starts, the supervisor owns."""

from __future__ import annotations

import json
import os

import pytest
from tests.integration.runtime.test_supervisor import host  # noqa: F401  # a fixture


def _change(container, change):
    path = container.bundle / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def _hooks(scripts):
    return {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]
        for kind, script in scripts.items()
    }


def test_hooks_run_round_a_start(host, tmp_path):  # noqa: F811
    kinds = ("prestart", "createRuntime", "createContainer", "poststart")
    container = host.container(["/bin/sh", "-c", "exit 3"])
    scripts = {kind: f"cat > {tmp_path}/{kind}" for kind in kinds}
    _change(container, lambda document: document.update(hooks=_hooks(scripts)))
    link = container.spawn()
    pid = link.call("start")["pid"]
    assert link.event("exited")["exit_code"] == 3
    states = {kind: json.loads((tmp_path / kind).read_text()) for kind in kinds}
    assert [states[kind]["pid"] for kind in kinds] == [pid, pid, 1, pid]
    assert {state["bundle"] for state in states.values()} == {str(container.bundle)}


@pytest.mark.parametrize(
    "kind", ["createRuntime", "createContainer", "startContainer", "poststart"]
)
def test_a_hook_that_fails_is_the_answer_to_the_start(host, kind):  # noqa: F811
    container = host.container(["/bin/sleep", "1000"])
    _change(container, lambda document: document.update(hooks=_hooks({kind: "exit 4"})))
    error = container.spawn().fail("start")
    assert error["message"] == f'error running {kind} hook #0 "/bin/sh": exit status 4'
    assert (error["stage"], error["exit_code"]) == ("hooks", 128)


def test_a_user_namespace(host):  # noqa: F811
    container = host.container(["/bin/cat", "/proc/self/uid_map"])

    def change(document):
        mapping = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
        document["linux"].update(uidMappings=mapping, gidMappings=mapping)
        document["linux"]["namespaces"].append({"type": "user"})

    _change(container, change)
    for place, directories, files in os.walk(container.rootfs):
        for name in (".", *directories, *files):
            os.lchown(os.path.join(place, name), 100_000, 100_000)
    link = container.spawn()
    link.call("start")
    assert link.event("exited")["exit_code"] == 0
    assert container.log()[0]["log"].split() == ["0", "100000", "65536"]
