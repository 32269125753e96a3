from __future__ import annotations

import json

from baleen import api


def test_info_and_version_spell_their_initials():
    info = json.loads(api.encode(api.SystemInfo()))
    assert {"ID", "NCPU", "CPUShares", "CPUSet", "IPv4Forwarding", "NFd", "OSType"} <= set(info)
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert "MinAPIVersion" in json.loads(api.encode(api.SystemVersion()))


def test_an_event_has_lower_case_times_and_old_fields_only_when_set():
    event = json.loads(api.encode(api.EventMessage(type="network", time=1, time_nano=2)))
    assert event == {
        "Type": "network", "Action": "", "Actor": {"ID": "", "Attributes": {}}, "scope": "local",
        "time": 1, "timeNano": 2,
    }  # fmt: skip
    assert json.loads(api.encode(api.EventMessage(from_="b")))["from"] == "b"
