"""Dates and descriptors in the forms of the API."""

import pytest

from baleen.images.facts import created_ns
from baleen.images.views import descriptor_view
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        ("garbage", 0),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:00.5Z", 5 * 10**8),
    ],
)
def test_the_creation_time_of_any_config(text, value):
    assert created_ns(text) == value


def test_descriptors_have_the_specifications_names_and_plain_values():
    digest = Digest("sha256:" + "a" * 64)
    view = descriptor_view(
        Descriptor(
            media_type="a/b",
            digest=digest,
            size=3,
            platform=Platform(os="linux", architecture="arm", variant="v7", os_version="1"),
        )
    )
    assert view == {
        "mediaType": "a/b",
        "digest": str(digest),
        "size": 3,
        "platform": {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"},
    }
    assert type(view["digest"]) is str
