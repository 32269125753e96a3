"""The STATUS column: Docker's words, and when they stop being true."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.api import ContainerConfig, Health, HostConfig
from baleen.containers.record import ZERO_TIME, ContainerRecord
from baleen.containers.state import Status
from baleen.containers.status_text import FOREVER, human_duration, status_text
from baleen.containers.times import format_time

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (1.9, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (61 * 86400, "2 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert human_duration(seconds)[0] == text


@given(st.floats(min_value=0, max_value=10**8), st.floats(min_value=0, max_value=0.999999))
def test_a_text_is_true_until_its_own_deadline(seconds, part):
    text, change = human_duration(seconds)
    assert change > seconds
    between = seconds + (change - seconds) * part
    assert between >= change or human_duration(between)[0] == text


def record(**changes) -> ContainerRecord:
    base = {
        "id": "1" * 64,
        "name": "x",
        "created": format_time(int(NOW) * 10**9),
        "path": "sh",
        "image_id": "sha256:" + "0" * 64,
        "config": ContainerConfig(),
        "host_config": HostConfig(),
    }
    return ContainerRecord(**(base | changes))


def ago(seconds: int) -> str:
    return format_time(int(NOW - seconds) * 10**9)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Created"),
        ({"status": Status.RUNNING, "started_at": ago(5)}, "Up 5 seconds"),
        ({"status": Status.PAUSED, "started_at": ago(7200)}, "Up 2 hours (Paused)"),
        (
            {"status": Status.RUNNING, "started_at": ago(5), "health": Health(status="healthy")},
            "Up 5 seconds (healthy)",
        ),
        (
            {"status": Status.RUNNING, "started_at": ago(5), "health": Health(status="starting")},
            "Up 5 seconds (health: starting)",
        ),
        (
            {"status": Status.RUNNING, "started_at": ago(5), "health": Health(status="none")},
            "Up 5 seconds",
        ),
        (
            {"status": Status.RESTARTING, "exit_code": 1, "finished_at": ago(2)},
            "Restarting (1) 2 seconds ago",
        ),
        (
            {"status": Status.EXITED, "exit_code": 137, "finished_at": ago(180)},
            "Exited (137) 3 minutes ago",
        ),
        ({"status": Status.EXITED, "finished_at": ZERO_TIME}, "Created"),
        ({"status": Status.REMOVING}, "Removal In Progress"),
        ({"status": Status.DEAD}, "Dead"),
    ],
)
def test_texts(changes, text):
    shown, until = status_text(record(**changes), NOW)
    assert shown == text
    assert until > NOW


def test_what_does_not_count_time_is_true_for_ever():
    assert status_text(record(), NOW)[1] == FOREVER
