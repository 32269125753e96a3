"""URLs come from the configuration, and conditions from the content."""

from __future__ import annotations

import pytest

from baleen.oci.digest import Digest
from baleen.registry.endpoints.service import Service, matches_etag

DIGEST = Digest.of(b"")


class Asked:
    def __init__(self, header):
        self.headers = {"if-none-match": header} if header is not None else {}


def test_urls():
    service = Service(None, None, None, None, "https://r.example/p/", True)
    assert service.url("a/b", "blobs", DIGEST) == f"https://r.example/p/v2/a/b/blobs/{DIGEST}"


@pytest.mark.parametrize(
    ("header", "same"),
    [
        (f'"{DIGEST}"', True),
        (f'W/"{DIGEST}"', True),
        (f'"x", "{DIGEST}"', True),
        ("*", True),
        ('"x"', False),
        ("", False),
        (None, False),
    ],
)
def test_etags(header, same):
    assert matches_etag(Asked(header), DIGEST) is same
