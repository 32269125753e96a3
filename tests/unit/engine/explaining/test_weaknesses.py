from __future__ import annotations

from dataclasses import replace

import pytest

from baleen.engine.explaining.mounts import explain_mounts
from baleen.engine.explaining.namespaces import explain_namespaces
from baleen.engine.explaining.paths import explain_paths
from baleen.engine.explaining.privileges import explain_capabilities
from baleen.engine.explaining.syscalls import explain_seccomp
from baleen.engine.explaining.weaknesses import find_weaknesses
from baleen.runtime.seccomp import default_profile


def weaknesses(subject, *, confined=True):
    source = ("builtin", default_profile(), "a.bpf") if confined else ("unconfined", None, "")
    return find_weaknesses(
        subject,
        namespaces=explain_namespaces(subject),
        capabilities=explain_capabilities(subject),
        seccomp=explain_seccomp(subject, source, kernel=(6, 18), running_program=None),
        mounts=explain_mounts(subject, ()),
        paths=explain_paths(subject),
    )


def bind(source, destination="/x", **changes):
    return {"type": "bind", "source": source, "destination": destination, "rw": True} | changes


def test_a_plain_container_has_none(make_subject):
    assert weaknesses(make_subject()) == []


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ({"cap_add": ["SYS_ADMIN"]}, "CAP_SYS_ADMIN"),
        ({"network_mode": "host"}, "network namespace"),
        ({"pid_mode": "host"}, "pid namespace"),
        ({"ipc_mode": "host"}, "ipc namespace"),
        ({"uts_mode": "host"}, "uts namespace"),
        ({"security_opt": ["systempaths=unconfined"]}, "Not masked: /proc/acpi"),
        ({"masked_paths": ["/proc/acpi"]}, "/proc/kcore"),
    ],
)
def test_each_option_is_one(make_subject, host, word):
    (found,) = weaknesses(make_subject(host=host))
    assert word in found


def test_privileged_is_said_once(make_subject):
    found = weaknesses(make_subject(host={"privileged": True}), confined=False)
    assert len(found) == 1
    assert found[0].startswith("Privileged")


def test_no_filter(make_subject):
    (found,) = weaknesses(make_subject(), confined=False)
    assert "seccomp" in found


@pytest.mark.parametrize(
    ("point", "word"),
    [
        (bind("/"), "/ of the host can be written at /x"),
        (bind("/etc", rw=False), "/etc of the host can be read at /x"),
        (bind("/etc/../proc/"), "/proc of the host"),
        (bind("/run/baleen.sock"), "socket of a container engine"),
        (bind("/srv/a", "/var/run/docker.sock"), "socket of a container engine"),
        (bind("/srv/a", propagation="rshared"), "shared"),
    ],
)
def test_binds(make_subject, point, word):
    (found,) = weaknesses(make_subject(points=[point]))
    assert word in found


def test_an_ordinary_bind_is_none(make_subject):
    assert weaknesses(make_subject(points=[bind("/srv/data")])) == []


def test_what_the_container_has_undone_is_found(make_subject):
    mountinfo = "1 0 0:60 / / rw - overlay o rw\n2 1 0:61 / /m rw - proc p rw\n"
    host = {"masked_paths": ["/proc/version"]}
    found = " ".join(weaknesses(make_subject(mountinfo=mountinfo, host=host)))
    assert "A second proc is mounted at /m" in found
    assert "Should be protected and is not (unmounted, covered, or new): /proc/version" in found


def test_more_mounts_than_anybody_reads_are_suspicious(make_subject):
    subject = make_subject(host={"masked_paths": []}, status={})
    many = replace(subject, live=replace(subject.live, more_mounts=True))
    assert any("so many mounts" in text for text in weaknesses(many))


def test_staying_with_the_hosts_ids_counts_where_others_do_not(make_subject):
    subject = make_subject(host={"userns_mode": "host"})
    (found,) = weaknesses(replace(subject, remaps=True))
    assert "--userns=host" in found
    assert weaknesses(subject) == []
