"""The table of a container's moves."""

from __future__ import annotations

import pytest

from baleen.containers.state import Status, check_move
from baleen.errors import Conflict


def test_every_status_may_stay():
    for status in Status:
        check_move("id", status, status)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Status.CREATED, Status.RUNNING),
        (Status.RUNNING, Status.PAUSED),
        (Status.PAUSED, Status.RUNNING),
        (Status.RUNNING, Status.RESTARTING),
        (Status.RESTARTING, Status.EXITED),
        (Status.EXITED, Status.RUNNING),
        (Status.EXITED, Status.REMOVING),
        (Status.REMOVING, Status.DEAD),
    ],
)
def test_allowed_moves(old, new):
    check_move("id", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Status.CREATED, Status.PAUSED),
        (Status.EXITED, Status.PAUSED),
        (Status.RUNNING, Status.REMOVING),
        (Status.REMOVING, Status.RUNNING),
        (Status.DEAD, Status.RUNNING),
    ],
)
def test_refused_moves(old, new):
    with pytest.raises(Conflict, match=f"is {old}: it cannot become {new}"):
        check_move("id", old, new)


def test_active_is_what_has_a_process_or_gets_one():
    assert [status for status in Status if status.is_active] == [
        Status.RUNNING,
        Status.PAUSED,
        Status.RESTARTING,
    ]
