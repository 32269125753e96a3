"""Health checks on real containers: states, results, events, and the end of a probe that hangs."""

from __future__ import annotations

import json
import time

import pytest
from bed import wait_until

pytestmark = pytest.mark.integration


def health(engine, name):
    return json.loads(engine.out("inspect", "-f", "{{json .State.Health}}", name))


def run(engine, name, command, *options):
    engine.docker(
        "run", "-d", "--name", name, "--health-cmd", command, "--health-interval", "200ms",
        "--health-retries", "2", *options, "busybox", "sleep", "1000",
    )  # fmt: skip


def test_a_container_becomes_unhealthy_and_recovers(engine):
    run(engine, "sick", "cat /tmp/well")
    assert health(engine, "sick")["Status"] == "starting"
    wait_until("unhealthy", lambda: health(engine, "sick")["Status"] == "unhealthy")
    last = health(engine, "sick")["Log"][-1]
    assert (last["ExitCode"], "No such file" in last["Output"]) == (1, True)
    assert "(unhealthy)" in engine.out("ps", "--format", "{{.Status}}")
    assert engine.out("ps", "-q", "--filter", "health=unhealthy")
    engine.docker("exec", "sick", "touch", "/tmp/well")
    wait_until("healthy", lambda: health(engine, "sick")["Status"] == "healthy")
    assert health(engine, "sick")["FailingStreak"] == 0
    events = engine.out(
        "events", "--since", "1m", "--until", str(int(time.time()) + 1),
        "--filter", "container=sick",
        "--filter", "event=health_status", "--format", "{{.Action}}",
    )  # fmt: skip
    assert events.split("\n") == ["health_status: unhealthy", "health_status: healthy"]


def test_a_probe_that_hangs_is_ended(engine):
    run(engine, "slow", "sleep 500", "--health-timeout", "200ms")
    wait_until("unhealthy", lambda: health(engine, "slow")["Status"] == "unhealthy")
    assert "exceeded timeout" in health(engine, "slow")["Log"][-1]["Output"]
    engine.docker("pause", "slow")  # no more probes, so what is left can be counted
    processes = engine.out("top", "slow", "-o", "pid,args")
    engine.docker("unpause", "slow")
    assert processes.count("sleep 500") <= 1


def test_no_healthcheck_has_none(engine):
    engine.docker("run", "-d", "--name", "plain", "--no-healthcheck", "busybox", "sleep", "1000")
    assert health(engine, "plain") is None


def test_a_container_that_ended_is_not_healthy(engine):
    run(engine, "ended", "true")
    wait_until("healthy", lambda: health(engine, "ended")["Status"] == "healthy")
    engine.docker("kill", "ended")
    assert health(engine, "ended")["Status"] == "unhealthy"
    engine.docker("start", "ended")
    assert health(engine, "ended")["Status"] == "starting"
