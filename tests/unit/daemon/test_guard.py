from __future__ import annotations

from types import SimpleNamespace

import pytest

from baleen.daemon.guard import OriginGuard
from baleen.errors import PermissionDenied


def check(**headers):
    OriginGuard(["docker.example"]).check(SimpleNamespace(headers=headers))


@pytest.mark.parametrize(
    "host", ["localhost", "docker.example:2376", "Docker.Example", "1.2.3.4:1", "[fe80::1]:2375"]
)
def test_own_names_and_addresses_pass(host):
    check(host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "", "a b", "[x]", "1.2.3.4.evil", "@localhost"],
)
def test_foreign_names_are_refused(host):
    with pytest.raises(PermissionDenied):
        check(host=host)


def test_what_only_browsers_send_is_refused():
    with pytest.raises(PermissionDenied):
        check(host="localhost", origin="null")
    with pytest.raises(PermissionDenied):
        check(host="localhost", **{"sec-fetch-site": "same-origin"})
