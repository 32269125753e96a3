"""What a foreign runtime is told beside what our own reads."""

import json

import pytest

from baleen.api import HostConfig
from baleen.engine.foreign_spec import adapt_spec, runtime_request
from baleen.engine.runtimes import RegisteredRuntime
from baleen.engine.seccomp_programs import SeccompPrograms
from baleen.errors import InvalidArgument


def linux_of(tmp_path, default=None, propagation="rprivate", **host):
    spec = {"linux": {"rootfsPropagation": propagation}}
    adapt_spec(spec, HostConfig(**host), SeccompPrograms(tmp_path, default))
    return spec["linux"]


def seccomp_of(tmp_path, default=None, **host):
    return linux_of(tmp_path, default, **host).get("seccomp")


@pytest.mark.parametrize(
    ("ours", "theirs"), [("rprivate", None), ("rslave", None), ("rshared", "shared")]
)
def test_the_roots_propagation_is_one_of_the_schema(tmp_path, ours, theirs):
    assert linux_of(tmp_path, propagation=ours).get("rootfsPropagation") == theirs


def test_the_default_profile_in_the_words_of_the_specification(tmp_path):
    seccomp = seccomp_of(tmp_path)
    assert seccomp["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {"names", "action"} <= set(seccomp["syscalls"][0])
    assert all(set(rule) <= {"names", "action", "errnoRet", "args"} for rule in seccomp["syscalls"])


def test_the_version_is_no_newer_than_it_has_to_be(tmp_path):
    for spec, version in (({}, "1.0.2"), ({"domainname": "x"}, "1.1.0")):
        spec |= {"ociVersion": "1.2.0", "linux": {"rootfsPropagation": "rprivate"}}
        adapt_spec(spec, HostConfig(), SeccompPrograms(tmp_path))
        assert spec["ociVersion"] == version


def test_rules_for_capabilities_come_with_these(tmp_path):
    def allowed(**host):
        rules = seccomp_of(tmp_path, **host)["syscalls"]
        return {name for rule in rules if "args" not in rule for name in rule["names"]}

    assert "mount" not in allowed()
    assert "mount" in allowed(cap_add=["SYS_ADMIN"])


def test_none_for_those_that_are_not_confined(tmp_path):
    assert seccomp_of(tmp_path, privileged=True) is None
    assert seccomp_of(tmp_path, security_opt=["seccomp=unconfined"]) is None
    assert seccomp_of(tmp_path, "unconfined") is None


def test_an_own_profile_is_taken_or_refused(tmp_path):
    rule = {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "comment": "x"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    seccomp = seccomp_of(tmp_path, security_opt=[f"seccomp={json.dumps(profile)}"])
    assert seccomp["syscalls"] == [{k: v for k, v in rule.items() if k != "comment"}]
    with pytest.raises(InvalidArgument, match="seccomp"):
        seccomp_of(tmp_path, security_opt=['seccomp={"defaultAction": "x"}'])


def test_the_request():
    assert runtime_request(None) is None
    assert runtime_request(RegisteredRuntime("/x", ("-a",))) == {"path": "/x", "args": ["-a"]}
