"""What a probe's result makes of a container's health."""

from __future__ import annotations

from baleen.api import Health, HealthcheckResult
from baleen.engine.health import next_health


def probe(exit_code):
    return HealthcheckResult(start="", end="", exit_code=exit_code, output="")


def run(codes, *, retries=3, start_probes=0):
    health = Health(status="starting")
    for number, code in enumerate(codes):
        health = next_health(
            health, probe(code), retries=retries, in_start_period=number < start_probes
        )
    return health


def test_one_success_is_healthy():
    assert run([0]).status == "healthy"


def test_only_failures_in_a_row_count():
    assert run([1, 1, 0, 1, 1]).status == "healthy"
    assert run([1, 1, 1]).status == "unhealthy"
    assert run([0, 1, 1, 1]).failing_streak == 3


def test_failures_of_the_start_period_do_not_count():
    assert run([1] * 10, start_probes=10).status == "starting"
    assert run([1, 1, 1, 1], start_probes=2).status == "starting"
    assert run([1, 1, 1, 1, 1], start_probes=2).status == "unhealthy"


def test_after_a_success_the_start_period_is_over():
    assert run([0, 1, 1, 1], start_probes=10).status == "unhealthy"


def test_it_recovers_and_keeps_the_last_five_results():
    health = run([1, 1, 1, 0, 0, 0])
    assert (health.status, health.failing_streak, len(health.log)) == ("healthy", 0, 5)
