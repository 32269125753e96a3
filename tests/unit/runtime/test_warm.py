"""Which containers can have a PID 1 that was made ahead."""

from __future__ import annotations

import pytest

from baleen.linux import namespaces as ns
from baleen.runtime.default_spec import default_spec
from baleen.runtime.prepare import Rootfs
from baleen.runtime.request import LogRequest, StartRequest
from baleen.runtime.restart import RestartPolicy
from baleen.runtime.spec import parse_spec
from baleen.runtime.warm import kinds_of


def request(*, init: bool = False) -> StartRequest:
    return StartRequest(
        id="1" * 64,
        bundle="/b",
        state_dir="/s",
        rootfs=Rootfs("/r"),
        seccomp_program=None,
        log=LogRequest("none"),
        open_stdin=False,
        stdin_once=False,
        interfaces=(),
        dns=None,
        restart=RestartPolicy(),
        restart_count=0,
        init=init,
        reserved_fds=0,
    )


def spec(change=lambda document: None):
    document = default_spec(args=("true",))
    document["linux"]["cgroupsPath"] = "/parent/of/it"
    change(document)
    return parse_spec(document)


def test_a_plain_one():
    kinds = kinds_of(request(), spec())
    assert kinds.by_clone == ns.CLONE_NEWPID
    assert kinds.ahead == ns.CLONE_NEWNET | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC
    assert kinds.at_start == ns.CLONE_NEWNS
    assert kinds.cgroup_parent == "/parent/of"


def test_one_with_the_network_of_the_host():
    def change(document):
        document["linux"]["namespaces"] = [
            one for one in document["linux"]["namespaces"] if one["type"] != "network"
        ]
        document["linux"]["sysctl"] = {}

    kinds = kinds_of(request(), spec(change))
    assert kinds.ahead == ns.CLONE_NEWUTS | ns.CLONE_NEWIPC


def namespace(kind, **more):
    def change(document):
        left = [one for one in document["linux"]["namespaces"] if one["type"] != kind]
        document["linux"]["namespaces"] = [*left, *([more] if more else [])]

    return change


@pytest.mark.parametrize(
    "change",
    [
        namespace("pid"),
        namespace("pid", type="pid", path="/proc/1/ns/pid"),
        namespace("network", type="network", path="/proc/1/ns/net"),
        lambda document: document.update(hooks={"poststart": [{"path": "/bin/true"}]}),
        lambda document: document.update(hostname=""),
    ],
    ids=["shared pid", "joined pid", "joined network", "hooks", "no host name"],
)
def test_those_that_cannot(change):
    assert kinds_of(request(), spec(change)) is None


def test_one_with_our_init_has_its_program_prepared_by_the_start():
    assert kinds_of(request(init=True), spec()) is None
