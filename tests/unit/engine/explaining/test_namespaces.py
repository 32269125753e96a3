from __future__ import annotations

import os

from baleen.engine.explaining.namespaces import explain_namespaces
from baleen.engine.explaining.subject import Neighbour

OWN = {
    kind: f"{kind}:[7]" for kind in ("mount", "pid", "network", "ipc", "uts", "time")
}  # what a plain container has


def scopes(subject):
    return {item.type: item.scope for item in explain_namespaces(subject)}


def test_plan_of_a_plain_container(make_subject):
    found = {item.type: item for item in explain_namespaces(make_subject())}
    assert {kind for kind, item in found.items() if item.scope == "own"} == set(OWN)
    assert found["user"].id == os.readlink("/proc/self/ns/user")
    assert found["network"].id == ""
    assert found["network"].see == "network_namespaces(7)"


def test_plan_with_modes(make_subject):
    host = {"network_mode": "host", "pid_mode": "host", "ipc_mode": "host", "uts_mode": "host"}
    assert set(scopes(make_subject(host=host)).values()) == {"host", "own"}
    assert scopes(make_subject(host=host))["mount"] == "own"
    private = scopes(make_subject(host={"cgroupns_mode": "private"}))
    assert private["cgroup"] == "own"
    joined = make_subject(facts={"pid_path": "/proc/1/ns/pid"}, joined={"pid": "db"})
    found = {item.type: item for item in explain_namespaces(joined)}
    assert (found["pid"].scope, found["pid"].shared_with) == ("container", ["db"])


def test_the_kernels_numbers_decide(make_subject):
    subject = make_subject(namespaces=OWN)
    assert {kind for kind, scope in scopes(subject).items() if scope == "own"} == set(OWN)
    # Asked for, and yet the host's.
    leaky = make_subject(namespaces=OWN | {"network": "network:[1]"})
    assert scopes(leaky)["network"] == "host"
    # Made by the process itself.
    assert scopes(make_subject(namespaces=OWN | {"user": "user:[9]"}))["user"] == "other"


def test_a_type_that_the_kernel_has_not_is_left_out(make_subject):
    assert "time" not in scopes(make_subject(namespaces=OWN | {"time": ""}))


def test_who_else_is_there(make_subject):
    neighbours = [
        Neighbour("sidecar", {"network": "network:[7]", "user": "user:[1]"}),
        Neighbour("stranger", {"network": "network:[8]"}),
    ]
    subject = make_subject(namespaces=OWN, neighbours=neighbours)
    found = {item.type: item for item in explain_namespaces(subject)}
    assert found["network"].shared_with == ["sidecar"]
    # What everybody shares with the host is not a matter between two containers.
    assert found["user"].shared_with == []
    joined = make_subject(
        namespaces=OWN, neighbours=neighbours, joined={"network": "sidecar"},
        facts={"network_path": "/proc/9/ns/net"},
    )  # fmt: skip
    network = next(item for item in explain_namespaces(joined) if item.type == "network")
    assert (network.scope, network.shared_with) == ("container", ["sidecar"])
