from __future__ import annotations

import pytest

from baleen.api import HostConfig
from baleen.engine.remapping import Remapping, check_remapped
from baleen.errors import InvalidArgument
from baleen.images.users import User
from baleen.runtime.id_mapping import IdMapping, IdMappings

IDS = Remapping(
    IdMappings(
        (IdMapping(0, 200000, 1000), IdMapping(1000, 500000, 10)), (IdMapping(0, 300000, 1000),)
    ),
    -1,
)


def test_ids_go_both_ways():
    assert IDS.root == (200000, 300000)
    for inside, outside in (((0, 0), (200000, 300000)), ((1009, 999), (500009, 300999))):
        assert IDS.to_host(*inside) == outside
        assert IDS.to_container(*outside) == inside


@pytest.mark.parametrize(("ids", "number"), [((1010, 0), 1010), ((0, 1000), 1000)])
def test_an_id_that_a_container_cannot_have_is_an_error(ids, number):
    with pytest.raises(InvalidArgument, match=f"Container ID {number} cannot be mapped to a host"):
        IDS.to_host(*ids)


def test_what_is_outside_is_nobodys():
    assert IDS.to_container(0, 0) == (65534, 65534)
    assert IDS.to_container(201000, 300000) == (65534, 0)


def test_a_container_may_stay_with_the_hosts_ids():
    assert IDS.applies_to(HostConfig())
    assert not IDS.applies_to(HostConfig(userns_mode="host"))


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ({"privileged": True}, "privileged mode is incompatible with user namespaces.  You must"),
        ({"network_mode": "host"}, "cannot share the host's network namespace when user"),
        ({"pid_mode": "host"}, "cannot share the host PID namespace when user namespaces"),
    ],
)
def test_what_needs_the_hosts_ids_is_refused_in_dockers_words(host, text):
    with pytest.raises(InvalidArgument, match=text):
        check_remapped(HostConfig(**host))


def test_everything_else_is_taken():
    check_remapped(
        HostConfig(
            network_mode="container:x", pid_mode="container:x", ipc_mode="host", uts_mode="host"
        )
    )


def test_a_user_has_only_ids_that_are_mapped():
    assert IDS.check_user(User(1009, 5, (5, 999))) == User(1009, 5, (5, 999))
    for user, text in (
        (User(1010, 0), "uid to unmapped user in user namespace: 1010"),
        (User(0, 1000), "gid to unmapped user in user namespace: 1000"),
        (User(0, 0, (0, 4000)), "gid to unmapped user in user namespace: 4000"),
    ):
        with pytest.raises(InvalidArgument, match=text):
            IDS.check_user(user)
