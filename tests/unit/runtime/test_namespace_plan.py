import contextlib
import os

import pytest

from baleen.linux import namespaces as ns
from baleen.runtime.default_spec import default_spec
from baleen.runtime.failure import LaunchError
from baleen.runtime.namespace_plan import (
    map_mounts,
    namespace_flags,
    new_namespaces,
    open_namespaces,
)
from baleen.runtime.spec import parse_spec


def test_only_new_namespaces_are_made():
    document = default_spec()
    document["linux"]["namespaces"] = [
        {"type": "mount"},
        {"type": "network", "path": "/x"},
        {"type": "uts"},
    ]
    spec = parse_spec(document)
    assert (
        new_namespaces(spec, "network", "uts", "ipc", "mount") == ns.CLONE_NEWNS | ns.CLONE_NEWUTS
    )


def test_a_namespace_that_is_not_there_is_told_and_nothing_stays_open():
    document = default_spec()
    document["linux"]["namespaces"] = [
        {"type": "mount"},
        {"type": "uts", "path": "/proc/self/ns/uts"},
        {"type": "network", "path": "/no"},
    ]
    before = os.listdir("/proc/self/fd")
    with (
        pytest.raises(LaunchError, match="/no: no such file"),
        contextlib.ExitStack() as undo,
    ):
        open_namespaces(undo, parse_spec(document))
    assert os.listdir("/proc/self/fd") == before


def test_an_exec_enters_what_the_container_may_share_only_if_it_does_not():
    always = ns.CLONE_NEWNS | ns.CLONE_NEWNET | ns.CLONE_NEWUTS | ns.CLONE_NEWIPC
    assert namespace_flags([]) == always
    assert namespace_flags(["pid", "user"]) == always | ns.CLONE_NEWPID | ns.CLONE_NEWUSER


def test_a_plain_document_maps_no_mount():
    with contextlib.ExitStack() as held:
        assert map_mounts(held, parse_spec(default_spec())) is None


def test_a_sysctl_of_the_hosts_own_namespace_is_refused():
    document = default_spec()
    document["linux"]["namespaces"] = [
        {"type": "mount"},
        {"type": "network", "path": "/proc/self/ns/net"},
    ]
    document["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
    document.pop("hostname")
    with (
        contextlib.ExitStack() as held,
        pytest.raises(LaunchError, match="not allowed in the network namespace of the host"),
    ):
        open_namespaces(held, parse_spec(document))
