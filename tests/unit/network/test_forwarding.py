"""network.forwarding: without a note of ours nothing is undone."""

from pathlib import Path

import msgspec

from baleen.network.forwarding import _Note, disable_forwarding
from baleen.state.database import Database


def state():
    return Path("/proc/sys/net/ipv4/ip_forward").read_text()


def test_a_host_that_we_did_not_change_is_left_as_it_is(tmp_path):
    before = state()
    disable_forwarding(Database(tmp_path / "state.db"))
    assert state() == before


def test_a_note_of_another_boot_is_dropped_and_undoes_nothing(tmp_path):
    database = Database(tmp_path / "state.db")
    database.put("settings", "network.ip_forward", msgspec.json.encode(_Note("another boot")))
    before = state()
    disable_forwarding(database)
    assert state() == before
    assert database.get("settings", "network.ip_forward") is None
