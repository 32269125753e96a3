"""What a build brings along shows no secret."""

from __future__ import annotations

from baleen.build.session import Secret, Session
from baleen.content.store import Lease


def test_a_secret_is_never_shown():
    session = Session(id="x", lease=Lease(), secrets={"token": Secret(b"hunter2")})
    assert "hunter2" not in repr(session)
    assert "hunter2" not in str(session.secrets["token"])
    assert session.secrets["token"].data == b"hunter2"


def test_sessions_share_nothing():
    one, two = (Session(id=name, lease=Lease()) for name in "ab")
    one.extra["x"] = 1
    one.secrets["x"] = Secret(b"")
    assert (two.extra, two.secrets) == ({}, {})
