import copy
import subprocess
import sys

import pytest

from baleen.linux.capabilities import names_of
from baleen.runtime.default_spec import DEFAULT_CAPABILITIES, default_spec
from baleen.runtime.failure import LaunchError
from baleen.runtime.spec import parse_process, parse_spec


@pytest.fixture
def document():
    return copy.deepcopy(default_spec(["true"]))


def _refusal(document):
    with pytest.raises(LaunchError) as caught:
        parse_spec(document)
    assert caught.value.stage == "spec"
    return str(caught.value)


def test_the_default_document_is_understood(document):
    spec = parse_spec(document)
    assert spec.process.args == ("true",)
    assert set(names_of(spec.process.capabilities.bounding)) == set(DEFAULT_CAPABILITIES)
    assert spec.process.capabilities.ambient == 0
    assert set(spec.namespaces) == {"mount", "network", "uts", "pid", "ipc"}
    assert spec.sysctl[0] == ("net/ipv4/ip_unprivileged_port_start", "0")


def test_unknown_fields_are_ignored(document):
    document["future"] = document["linux"]["future"] = {"x": 1}
    parse_spec(document)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.update(ociVersion="2.0.0"), "ociVersion"),
        (lambda d: d.update(hooks={"prestart": [{"path": "x"}]}), "hooks.prestart[0].path"),
        (lambda d: d["linux"]["namespaces"].append({"type": "user"}), "needs linux.uidMappings"),
        (lambda d: d["linux"].update(timeOffsets={"boottime": {"secs": 1}}), "time namespace"),
        (lambda d: d["linux"].update(netDevices={"a/b": {}}), "'a/b' is not a name"),
        (lambda d: d["linux"].update(mountLabel="x"), "linux.mountLabel 'x'"),
        (lambda d: d["linux"]["namespaces"].append({"type": "pid"}), "duplicate namespace 'pid'"),
        (lambda d: d["linux"]["namespaces"].append({"type": "x"}), "unknown namespace"),
        (lambda d: d["linux"].update(namespaces=[]), "mount namespace"),
        (lambda d: d["linux"]["namespaces"].append({"type": "time", "path": "x"}), "not absolute"),
        (lambda d: d["linux"].update(uidMappings=[{}]), "linux.uidMappings"),
        (lambda d: d["linux"].update(intelRdt={"closID": "x"}), "linux.intelRdt"),
        (lambda d: d["linux"].update(rootfsPropagation="x"), "rootfsPropagation=x"),
        (lambda d: d["linux"].update(sysctl={"kernel.core_pattern": "x"}), "kernel.core_pattern"),
        (
            lambda d: d["linux"].update(sysctl={"net/../kernel/core_pattern": "x"}),
            "separate kernel namespace",
        ),
        (lambda d: d["linux"].update(maskedPaths=["x"]), "not absolute"),
        (lambda d: d["linux"].update(devices=[{"type": "x", "path": "/d"}]), "device type"),
        (lambda d: d["process"].update(args=[]), "process.args"),
        (lambda d: d["process"].update(cwd="x"), "Cwd must be an absolute path"),
        (lambda d: d["process"].update(env=["=x"]), "environment"),
        (lambda d: d["process"].update(env=["x"]), "environment"),
        (lambda d: d["process"].update(apparmorProfile="x\n"), "process.apparmorProfile 'x"),
        (lambda d: d["process"].update(selinuxLabel="x\n"), "process.selinuxLabel 'x"),
        (lambda d: d["linux"].update(mountLabel="x\n"), "linux.mountLabel 'x"),
        (lambda d: d["process"].update(user={"uid": -1}), "process.user.uid"),
        (lambda d: d["process"].update(user={"uid": 2**32 - 1}), "process.user.uid"),
        (lambda d: d["process"].update(user={"uid": "0"}), "process.user.uid"),
        (
            lambda d: d["process"].update(rlimits=[{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
            "RLIMIT_X",
        ),
        (
            lambda d: d["process"].update(rlimits=[{"type": "RLIMIT_AS", "soft": 2, "hard": 1}]),
            "above the hard limit",
        ),
        (
            lambda d: d["process"].update(
                rlimits=[{"type": "RLIMIT_AS", "soft": 1, "hard": 1}] * 2
            ),
            "duplicate rlimit",
        ),
    ],
)
def test_what_is_wrong_or_not_done_is_refused_by_name(document, change, text):
    change(document)
    assert text in _refusal(document)


@pytest.mark.parametrize(
    ("mount", "text"),
    [
        ({"destination": "/", "type": "tmpfs"}, "root"),
        ({"destination": "/a/..", "type": "tmpfs"}, "root"),
        ({"destination": "/proc", "type": "tmpfs"}, "/proc"),
        ({"destination": "/proc", "type": "bind", "source": "/x"}, "/proc"),
        ({"destination": "//proc/self/attr", "type": "bind", "source": "/x"}, "inside /proc"),
        ({"destination": "/x/../proc/sys", "options": ["bind"], "source": "/x"}, "inside /proc"),
        ({"destination": "/x", "options": ["bind"]}, "no source"),
        ({"destination": "/x", "options": ["bind", "idmap"], "source": "/"}, "option idmap"),
        ({"destination": "/x", "type": "tmpfs", "options": ["idmap"]}, "not a bind"),
        ({"destination": "/x", "type": "bind", "source": "/", "uidMappings": [{}]}, "Mappings[0]"),
        ({"destination": "/x", "type": "proc", "options": ["tmpcopyup"]}, "type tmpfs"),
    ],
)
def test_mounts_that_could_fool_us_or_that_we_cannot_do_are_refused(document, mount, text):
    document["mounts"].append(mount)
    assert text in _refusal(document)


def test_null_and_empty_mappings_of_a_mount_are_none(document):
    document["mounts"].append({"destination": "/x", "type": "tmpfs", "uidMappings": None})
    document["mounts"].append({"destination": "/y", "type": "tmpfs", "gidMappings": []})
    assert [mount.id_mappings for mount in parse_spec(document).mounts[-2:]] == [None, None]


def test_destinations_are_made_absolute_and_clean(document):
    document["mounts"].append({"destination": "a//b/./c/..", "type": "tmpfs"})
    assert parse_spec(document).mounts[-1].destination == "/a/b"


def test_a_hostname_needs_its_own_namespace(document):
    document["linux"]["namespaces"] = [
        n for n in document["linux"]["namespaces"] if n["type"] != "uts"
    ]
    assert "UTS" in _refusal(document)


def test_a_slash_in_a_dotted_sysctl_stands_for_a_dot(document):
    document["linux"]["sysctl"] = {
        "net.ipv4.conf.eth0/1.rp_filter": "1",
        "net/ipv4/conf/eth0.1/rp_filter": "2",
    }
    paths = {path for path, _ in parse_spec(document).sysctl}
    assert paths == {"net/ipv4/conf/eth0.1/rp_filter"}


def test_unknown_capabilities_do_not_fail(document):
    document["process"]["capabilities"]["bounding"].append("CAP_OF_TOMORROW")
    parse_spec(document)


def test_huge_limits_mean_no_limit(document):
    document["process"]["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 2**64 - 1, "hard": 2**64 - 1}
    ]
    (limit,) = parse_spec(document).process.rlimits
    assert (limit.soft, limit.hard, limit.resource) == (-1, -1, 7)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(LaunchError):
        parse_spec(value)
    with pytest.raises(LaunchError):
        parse_process(value)


def test_what_few_ask_for_is_loaded_only_for_them():
    script = """
import sys, baleen.runtime.zygote
from baleen.runtime.default_spec import default_spec
from baleen.runtime.spec import parse_spec
document = default_spec()
before = set(sys.modules)
parse_spec(document)
assert set(sys.modules) == before, set(sys.modules) - before
document["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE"}
parse_spec(document)
print(*sorted(set(sys.modules) - before))
rare = "hooks scheduling execution_domain id_mapping user_namespace copy_up net_devices"
assert not {"baleen.runtime." + name for name in rare.split()} & before
"""
    result = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = ["linux.cgroup.cpuset", "linux.scheduler", "runtime.scheduling"]
    assert result.stdout.split() == [f"baleen.{name}" for name in loaded]
