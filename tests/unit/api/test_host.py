from __future__ import annotations

import json

from baleen import api


def test_an_update_body_tells_absent_from_zero_where_docker_does():
    nothing = api.decode(api.ContainerUpdateBody, b"{}")
    assert (nothing.pids_limit, nothing.oom_kill_disable, nothing.memory) == (None, None, 0)
    given = api.decode(api.ContainerUpdateBody, b'{"PidsLimit":0,"RestartPolicy":{"Name":"no"}}')
    assert (given.pids_limit, given.restart_policy.name) == (0, "no")


def test_empty_mount_options_are_left_out():
    mount = api.Mount(type="bind", source="/a", target="/b", bind_options=api.BindOptions())
    assert json.loads(api.encode(mount)) == {
        "Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {},
    }  # fmt: skip
