from __future__ import annotations

import json

from baleen import api


def test_a_state_that_never_ran_has_gos_zero_times_and_no_health():
    state = json.loads(api.encode(api.ContainerState()))
    assert state["StartedAt"] == state["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert "Health" not in state


def test_mount_points_and_ports_spell_their_initials():
    assert json.loads(api.encode(api.MountPoint(rw=True)))["RW"] is True
    port = api.PortSummary(ip="0.0.0.0", private_port=80, public_port=8080)
    assert json.loads(api.encode(port)) == {
        "IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp",
    }  # fmt: skip
    assert json.loads(api.encode(api.PortSummary(private_port=80))) == {
        "PrivatePort": 80, "Type": "tcp",
    }  # fmt: skip


def test_a_wait_without_error_has_no_error_field():
    assert api.encode(api.ContainerWaitResponse(status_code=1)) == b'{"StatusCode":1}'
    failed = api.ContainerWaitResponse(
        status_code=1, error=api.ContainerWaitExitError(message="no")
    )
    assert json.loads(api.encode(failed))["Error"] == {"Message": "no"}


def test_sizes_are_shown_only_when_measured():
    assert "SizeRw" not in json.loads(api.encode(api.ContainerSummary()))
    assert json.loads(api.encode(api.ContainerSummary(size_rw=0)))["SizeRw"] == 0
