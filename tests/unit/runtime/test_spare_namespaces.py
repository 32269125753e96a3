"""What a start may take of the namespaces made ahead."""

import os

import pytest

from baleen.linux.fd import Fd
from baleen.linux.namespaces import owner_of
from baleen.runtime.id_mapping import IdMapping, IdMappings
from baleen.runtime.spare_namespaces import SpareNamespaces, make_spare, wanted_mappings
from baleen.runtime.spec import parse_spec

IDS = IdMappings((IdMapping(0, 5000, 10),), (IdMapping(0, 6000, 10),))


def spec(ids=IDS, **paths):
    """A document with all namespaces new but those with a path, and those that are False."""
    kinds = dict.fromkeys(("user", "network", "uts", "ipc", "pid", "mount")) | paths
    namespaces = [
        {"type": kind} | ({"path": path} if path else {})
        for kind, path in kinds.items()
        if path is not False
    ]
    linux = {"namespaces": namespaces}
    if ids is not None:
        for name, ranges in (("uidMappings", ids.uids), ("gidMappings", ids.gids)):
            linux[name] = [
                {"containerID": one.container_id, "hostID": one.host_id, "size": one.size}
                for one in ranges
            ]
    return parse_spec({"ociVersion": "1.2.0", "linux": linux})


@pytest.fixture
def spare():
    made = {name: Fd(os.open("/dev/null", os.O_RDONLY)) for name in ("user", "net", "uts", "ipc")}
    yield SpareNamespaces(IDS, made)
    for fd in made.values():
        fd.close()


def test_what_would_be_new_is_what_was_made_ahead(spare):
    paths = {name: f"/proc/self/fd/{fd.fileno()}" for name, fd in spare.made.items()}
    assert spare.used_by(spec()).namespaces == {
        "user": paths["user"], "network": paths["net"], "uts": paths["uts"], "ipc": paths["ipc"],
        "pid": None, "mount": None,
    }  # fmt: skip
    assert spare.descriptors() == {fd.fileno() for fd in spare.made.values()}


def test_what_is_joined_or_the_hosts_stays_so(spare):
    found = spare.used_by(spec(network="/proc/7/ns/net", uts=False)).namespaces
    assert found["network"] == "/proc/7/ns/net"
    assert "uts" not in found
    assert found["ipc"].startswith("/proc/self/fd/")


def test_others_than_those_mappings_are_not_served(spare):
    for ids in (IdMappings(IDS.uids, (IdMapping(0, 1, 10),)), IdMappings(IDS.gids, IDS.gids)):
        assert spare.used_by(spec(ids)) is None
    joins = spec(user="/proc/7/ns/user")
    assert wanted_mappings(joins) is None
    assert spare.used_by(joins) is None
    plain = spec(None, user=False)
    assert wanted_mappings(plain) is None
    assert spare.used_by(plain) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="another mapping than one's own needs root")
def test_they_belong_to_the_user_namespace():
    spare = make_spare(IDS)
    user = os.fstat(spare.made["user"].fileno())
    for name in ("net", "uts", "ipc"):
        fd = spare.made[name]
        assert not os.path.samestat(os.fstat(fd.fileno()), os.stat(f"/proc/self/ns/{name}"))
        with owner_of(fd.fileno()) as owner:
            assert os.path.samestat(os.fstat(owner.fileno()), user)
    for fd in spare.made.values():
        fd.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="another mapping than one's own needs root")
def test_what_the_kernel_refuses_is_not_made_and_leaves_nothing():
    before = os.listdir("/proc/self/fd")
    # Nobody's id 0: there is no root to own anything.
    assert make_spare(IdMappings((IdMapping(1, 5000, 1),), (IdMapping(1, 5000, 1),))) is None
    assert os.listdir("/proc/self/fd") == before
