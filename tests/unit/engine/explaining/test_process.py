from __future__ import annotations

from dataclasses import replace

from baleen.engine.explaining.process import explain_process
from baleen.images.users import User
from baleen.runtime.id_mapping import IdMapping, IdMappings


def explain(subject, *, init=False):
    return explain_process(subject, init=init, directory="/run/x")


def test_the_kernel_is_believed(make_subject):
    subject = make_subject(status={"Uid": "1000\t1000", "NoNewPrivs": "1"})
    found = explain(subject)
    assert (found.pid, found.pid_inside, found.uid, found.groups) == (4000, 1, 1000, [0, 10])
    assert found.no_new_privileges is True
    assert found.user_why.startswith("An ordinary user")
    assert (found.supervisor.pid, found.supervisor.name) == (3999, "baleen-shim")
    assert found.supervisor.directory == "/run/x"
    (limit,) = found.rlimits
    assert (limit.name, limit.soft, limit.hard, limit.inherited) == ("nofile", "100", "200", True)


def test_a_plan(make_subject):
    host = {"oom_score_adj": 5, "security_opt": ["no-new-privileges"]}
    facts = {
        "user": User(1000, 1000, (1000,)), "default_ulimits": {"nofile": (1, 2), "core": (-1, -1)},
    }  # fmt: skip
    found = explain(make_subject(host=host, facts=facts), init=True)
    assert (found.pid, found.uid, found.oom_score_adj, found.init) == (0, 1000, 5, True)
    assert found.no_new_privileges is True
    assert {limit.name: limit.hard for limit in found.rlimits} == {
        "nofile": "2",
        "core": "unlimited",
    }
    assert (found.supervisor.pid, found.supervisor.directory) == (0, "")


def test_root_without_a_user_namespace_is_root(make_subject):
    assert "uid 0 outside" in explain(make_subject()).user_why


def test_a_user_namespace_maps(make_subject):
    subject = make_subject(status={"Uid": "100000"}, namespaces={"user": "user:[9]"})
    mapped = replace(subject.live, uid_map=("0 100000 65536",), gid_map=("0 200000 65536",))
    found = explain(replace(subject, live=mapped))
    assert (found.uid_map, found.gid_map) == (["0 100000 65536"], ["0 200000 65536"])
    assert "ordinary user of the host" in found.user_why
    plain = explain(replace(subject, live=replace(mapped, namespaces=mapped.host_namespaces)))
    assert plain.uid_map == []


def test_a_plan_says_which_ids_of_the_host_a_user_has(make_subject):
    ids = IdMappings((IdMapping(0, 100, 10), IdMapping(10, 5000, 5)), (IdMapping(0, 300, 20),))
    facts = {"id_mappings": ids, "user": User(12, 3, (3, 4))}
    found = explain(make_subject(facts=facts))
    assert (found.uid_map, found.gid_map) == (["0 100 10", "10 5000 5"], ["0 300 20"])
    assert (found.uid, found.gid, found.groups) == (5002, 303, [303, 304])
    assert "ordinary user of the host" in found.user_why
