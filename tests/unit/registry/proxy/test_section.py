from __future__ import annotations

import pytest

from baleen.errors import InvalidArgument
from baleen.registry.proxy.section import Proxy, make_cache
from baleen.registry.watching.metrics import Metrics


def cache(has_auth=False, **section):
    return make_cache(
        Proxy(**section), has_auth=has_auth, spool=None, metrics=Metrics(), complain=pytest.fail
    )


LOGIN = {"remoteurl": "https://up.example", "username": "robot", "password": "secret"}


def test_without_an_upstream_there_is_no_cache():
    assert cache() is None


@pytest.mark.parametrize(
    ("options", "asks"),
    [
        ({"remoteurl": "https://up.example"}, False),
        (LOGIN, True),
        ({**LOGIN, "has_auth": True}, False),
        ({**LOGIN, "shareprivate": True}, False),
    ],
)
def test_what_is_public_is_asked_if_nothing_else_decides(options, asks):
    assert (cache(**options)._anonymous is not None) is asks


def test_a_password_may_lie_in_a_file(tmp_path):
    (tmp_path / "password").write_text("secret\n")
    made = cache(remoteurl="https://up", username="robot", passwordfile=str(tmp_path / "password"))
    assert made._client._login.password == "secret"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"remoteurl": "up.example"}, "remoteurl"),
        ({"remoteurl": "https://up", "username": "robot"}, "belong together"),
        ({"remoteurl": "https://up", "password": "secret"}, "belong together"),
        ({"remoteurl": "https://up", "tagttl": "soon"}, "tagttl"),
        ({"remoteurl": "https://up", "passwordfile": "/none"}, "cannot be used"),
        ({"remoteurl": "https://up", "ca": "/none"}, "cannot be used"),
    ],
)
def test_a_wrong_section_is_refused(options, reason):
    with pytest.raises(InvalidArgument, match=reason):
        cache(**options)
