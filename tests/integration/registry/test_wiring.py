"""Without sections of the access side the registry is open and silent."""

from __future__ import annotations

from baleen.registry import wiring
from baleen.registry.settings import Settings


def test_plain_http_is_the_default():
    assert wiring.make_tls(Settings()) is None
