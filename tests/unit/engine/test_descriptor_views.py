"""Descriptors have the names and the absences of the API."""

from types import SimpleNamespace

from baleen.api.wire import to_wire
from baleen.engine.descriptor_views import descriptor_view, manifest_view
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.platform import Platform

DIGEST = Digest.of(b"{}")
ARM = Platform(os="linux", architecture="arm", variant="v6")


def test_a_descriptor_has_its_three_facts():
    descriptor = Descriptor(media_type="m", digest=DIGEST, size=2, platform=ARM)
    assert to_wire(descriptor_view(descriptor)) == {
        "mediaType": "m",
        "digest": str(DIGEST),
        "size": 2,
    }


def test_a_manifest_has_the_platform_of_the_index_or_else_of_the_config():
    config = SimpleNamespace(platform=Platform(os="linux", architecture="amd64"))
    for said, shown in (
        (ARM, {"architecture": "arm", "os": "linux", "variant": "v6"}),
        (None, {"architecture": "amd64", "os": "linux"}),
    ):
        descriptor = Descriptor(media_type="m", digest=DIGEST, size=2, platform=said)
        image = SimpleNamespace(manifest_descriptor=descriptor, config=config)
        assert to_wire(manifest_view(image))["platform"] == shown
