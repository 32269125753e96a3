from __future__ import annotations

import json

import pytest
from lying_registry import OCI_INDEX, OCI_MANIFEST, index_of, manifest_of

from baleen.distribution.documents import is_document, read_document
from baleen.errors import DataLoss, InvalidArgument
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.manifest import Index, Manifest
from baleen.oci.media_types import DOCKER_MANIFEST, OCI_LAYER
from baleen.oci.reference import parse_reference

REFERENCE = parse_reference("reg.example/a/b:c")
CONFIG = str(Digest.of(b"config"))
MANIFEST = manifest_of(CONFIG, 6, [b"layer"])


def read(document, header=OCI_MANIFEST, **options):
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_document(raw, header, REFERENCE, **options)


def without_type(document):
    return {k: v for k, v in document.items() if k != "mediaType"}


def test_a_manifest_and_an_index_are_read():
    found = read(MANIFEST)
    assert isinstance(found.content, Manifest)
    assert found.descriptor.digest == Digest.of(found.raw)
    assert found.descriptor.size == len(found.raw)
    assert isinstance(read(index_of((CONFIG, 6, "linux", "amd64")), OCI_INDEX).content, Index)


@pytest.mark.parametrize("header", ["", "application/json", f"{OCI_MANIFEST}; charset=utf-8"])
def test_a_header_that_says_little_leaves_it_to_the_document(header):
    assert read(MANIFEST, header).descriptor.media_type == OCI_MANIFEST


def test_the_header_is_enough_where_the_document_says_nothing():
    assert read(without_type(MANIFEST)).descriptor.media_type == OCI_MANIFEST
    with pytest.raises(InvalidArgument, match="no media type"):
        read(without_type(MANIFEST), "application/json")


def test_media_types_must_agree():
    with pytest.raises(InvalidArgument, match="media types of one manifest differ"):
        read(MANIFEST, DOCKER_MANIFEST)
    raw = json.dumps(without_type(MANIFEST)).encode()
    promised = Descriptor(media_type=DOCKER_MANIFEST, digest=Digest.of(raw), size=len(raw))
    with pytest.raises(InvalidArgument, match="differ"):
        read(raw, expected=promised)


def test_digest_and_size_must_be_the_promised_ones():
    raw = json.dumps(MANIFEST).encode()
    with pytest.raises(DataLoss, match="manifest verification failed for digest sha256:"):
        read(raw, digest=Digest.of(b"other"))
    promised = Descriptor(media_type=OCI_MANIFEST, digest=Digest.of(raw), size=len(raw) + 1)
    with pytest.raises(DataLoss, match="its descriptor says"):
        read(raw, expected=promised)


@pytest.mark.parametrize(
    ("document", "header"),
    [
        ({"schemaVersion": 1, "name": "x"}, "application/json"),
        ({"name": "x"}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ],
)
def test_schema_1_is_refused_by_its_name(document, header):
    with pytest.raises(InvalidArgument, match="schema 1 is not supported"):
        read(document, header)


@pytest.mark.parametrize("header", ["text/html", "application/json"])
def test_a_web_page_is_recognised(header):
    with pytest.raises(InvalidArgument, match=r"reg\.example answered with a web page"):
        read(b"<!DOCTYPE html><title>Log in</title>", header)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'{"mediaType": 1}'])
def test_what_is_no_document_is_malformed(raw):
    with pytest.raises(InvalidArgument, match="malformed manifest"):
        read(raw)


def test_a_document_of_another_kind_is_unsupported():
    with pytest.raises(InvalidArgument, match=r'unsupported media type "application/vnd\.x"'):
        read({"mediaType": "application/vnd.x", "schemaVersion": 2}, "application/vnd.x")
    assert is_document(OCI_INDEX)
    assert not is_document(OCI_LAYER)


def test_a_huge_document_is_refused():
    with pytest.raises(InvalidArgument, match="larger than"):
        read(b" " * ((4 << 20) + 1))
