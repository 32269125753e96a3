"""D10 (moby CVE-2014-5278): a name that looks like another container's id, or its prefix."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


def test_the_full_id_wins_then_the_exact_name_then_a_prefix(engine):
    victim = engine.out("run", "-d", "busybox", "sleep", "1000")
    short = engine.out("create", "--name", victim[:12], "busybox", "true")
    full = engine.out("create", "--name", victim, "busybox", "true")
    assert engine.inspect(victim)["Id"] == victim
    assert engine.inspect(victim[:12])["Id"] == short
    assert engine.inspect(full[:20])["Id"] == full
    assert engine.out("exec", victim, "echo", "right") == "right"
    assert "is not running" in engine.fails("exec", victim[:12], "true")
    engine.docker("rm", victim[:12])
    assert engine.state(victim)["Running"] is True
    engine.docker("stop", "-t", "0", victim)
    engine.docker("rm", victim)
    assert engine.inspect(victim)["Id"] == full


def test_an_ambiguous_prefix_is_an_error(engine):
    ids: dict[str, str] = {}
    while True:
        new = engine.out("create", "busybox", "true")
        if new[0] in ids:
            break
        ids[new[0]] = new
    for verb in ("start", "stop", "rm"):
        assert engine.docker(verb, new[0], check=False).returncode != 0
    answer = engine.api("DELETE", f"/containers/{new[0]}?force=1")
    assert answer.status in (400, 404, 500), answer
    assert engine.inspect(new)["Id"] == new
    assert engine.inspect(ids[new[0]])["Id"] == ids[new[0]]


def test_networks_and_volumes_alike(engine):
    victim = engine.out("network", "create", "victim")
    engine.docker("network", "create", victim[:12])
    engine.docker("network", "rm", victim[:12])
    assert engine.out("network", "inspect", "-f", "{{.Name}}", victim) == "victim"
