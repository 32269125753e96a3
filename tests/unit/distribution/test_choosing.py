from __future__ import annotations

import pytest

from baleen.distribution.choosing import choose
from baleen.errors import NotFound
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.manifest import Index
from baleen.oci.media_types import OCI_LAYER, OCI_MANIFEST
from baleen.oci.platform import Platform


def entry(text, *, media_type=OCI_MANIFEST, annotations=None):
    parts = (*text.split("/"), None)[:3]
    platform = Platform(os=parts[0], architecture=parts[1], variant=parts[2]) if text else None
    return Descriptor(
        media_type=media_type,
        digest=Digest.of(text.encode()),
        size=1,
        platform=platform,
        annotations=annotations,
    )


def chosen(index, os="linux", architecture="amd64", variant=None):
    platform = Platform(os=os, architecture=architecture, variant=variant)
    return choose(Index(schema_version=2, manifests=index), platform)


def test_the_very_platform_is_taken_wherever_it_stands():
    index = [entry("linux/arm/v6"), entry("linux/arm/v7"), entry("linux/amd64")]
    assert chosen(index, architecture="arm", variant="v7") is index[1]
    assert chosen(index) is index[2]


def test_else_the_first_that_runs_there():
    index = [entry("linux/arm/v5"), entry("linux/arm/v6")]
    assert chosen(index, architecture="arm", variant="v7") is index[0]


def test_an_entry_without_platform_is_the_last_resort():
    index = [entry(""), entry("linux/amd64")]
    assert chosen(index) is index[1]
    assert chosen(index[:1]) is index[0]


def test_attestations_and_other_content_are_no_images():
    note = {"vnd.docker.reference.type": "attestation-manifest"}
    index = [entry("", annotations=note), entry("linux/amd64", media_type=OCI_LAYER)]
    with pytest.raises(NotFound):
        chosen(index)


def test_no_match_says_what_was_wanted():
    words = "no matching manifest for linux/s390x in the manifest list entries"
    with pytest.raises(NotFound, match=words):
        chosen([entry("linux/amd64"), entry("windows/s390x")], architecture="s390x")
