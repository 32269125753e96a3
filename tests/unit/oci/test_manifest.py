"""Manifests and indexes can not be taken for each other."""

import json

import pytest

from baleen.errors import InvalidArgument
from baleen.oci.manifest import MANIFEST_LIMIT, parse_index, parse_manifest
from baleen.oci.media_types import (
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
)

BLOB = {"mediaType": OCI_CONFIG, "digest": "sha256:" + "c" * 64, "size": 2}
MANIFEST = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": BLOB, "layers": [BLOB]}
INDEX = {"schemaVersion": 2, "manifests": [BLOB]}


def raw(document, **changes):
    return json.dumps({**document, **changes}).encode()


def test_well_formed_documents_are_parsed():
    assert parse_manifest(raw(MANIFEST), OCI_MANIFEST).config.size == 2
    docker = raw(MANIFEST, mediaType=DOCKER_MANIFEST)
    assert len(parse_manifest(docker, DOCKER_MANIFEST).layers) == 1
    assert len(parse_index(raw(INDEX), OCI_INDEX).manifests) == 1
    assert len(parse_index(raw(INDEX), DOCKER_MANIFEST_LIST).manifests) == 1
    assert parse_manifest(raw(MANIFEST, manifests=None, annotations=None), OCI_MANIFEST)


@pytest.mark.parametrize(
    ("parse", "document", "media_type", "message"),
    [
        (parse_manifest, raw(MANIFEST, manifests=[]), OCI_MANIFEST, 'has a field "manifests"'),
        (parse_index, raw(INDEX, layers=[]), OCI_INDEX, 'has a field "layers"'),
        (parse_index, raw(INDEX, config={}), OCI_INDEX, 'has a field "config"'),
        (parse_manifest, raw(MANIFEST, mediaType=OCI_INDEX), OCI_MANIFEST, "says media type"),
        (parse_manifest, raw(MANIFEST), DOCKER_MANIFEST, "says media type"),
        (parse_manifest, raw(MANIFEST), OCI_INDEX, "unsupported media type"),
        (parse_manifest, raw(MANIFEST, schemaVersion=1), OCI_MANIFEST, "schemaVersion 2"),
        (parse_manifest, raw(MANIFEST, layers=None), OCI_MANIFEST, r"\$.layers"),
        (parse_manifest, raw(MANIFEST, layers=[None]), OCI_MANIFEST, r"\$.layers"),
        (parse_manifest, raw(MANIFEST, config=None), OCI_MANIFEST, r"\$.config"),
        (parse_manifest, raw(MANIFEST, layers=[BLOB] * 501), OCI_MANIFEST, "501 layers"),
        (parse_index, raw(INDEX, manifests=[BLOB] * 10_001), OCI_INDEX, "10001 manifests"),
        (parse_manifest, b"x" * (MANIFEST_LIMIT + 1), OCI_MANIFEST, "larger than"),
        (parse_manifest, b"null", OCI_MANIFEST, "malformed"),
        (parse_index, b"[]", OCI_INDEX, "malformed"),
    ],
)
def test_everything_else_is_refused(parse, document, media_type, message):
    with pytest.raises(InvalidArgument, match=message):
        parse(document, media_type)
