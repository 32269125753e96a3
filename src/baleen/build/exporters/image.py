"""The documents of an image: a manifest, or an index where there is more than one to tell of.

Equal results give equal bytes: nothing here has a time or a name of its own.

See: OCI image-spec manifest.md, image-index.md; BuildKit, docs/attestations/attestation-storage.md.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from baleen.images.committing import as_oci
from baleen.oci.descriptor import Descriptor, encode_document
from baleen.oci.image import ImageConfig, RootFs
from baleen.oci.manifest import Index, Manifest
from baleen.oci.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from baleen.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from baleen.build.exporters.built import Built
    from baleen.content.store import ContentStore, Lease

__all__ = ["image_annotations", "store_image"]

_IN_TOTO = "application/vnd.in-toto+json"
_PREDICATE = "in-toto.io/predicate-type"
_UNKNOWN = Platform(os="unknown", architecture="unknown")


def store_image(
    content: ContentStore,
    lease: Lease,
    results: Sequence[Built],
    *,
    annotations: Mapping[str, str] | None = None,
    index: bool = False,
) -> Descriptor:
    """Store the documents of an image for one or several platforms; return what names it.

    That is the manifest of the one platform, unless there are statements about it, or `index` asks
    for one all the same.

    Raises:
        ResourceExhausted: no space.
    """
    manifests = [_manifest(content, lease, built, annotations) for built in results]
    attested = any(built.statements for built in results)
    if len(manifests) == 1 and not attested and not index:
        return manifests[0]
    children = [
        msgspec.structs.replace(manifest, platform=built.platform)
        for manifest, built in zip(manifests, results, strict=True)
    ]
    children += [
        _attestation(content, lease, manifest, built)
        for manifest, built in zip(manifests, results, strict=True)
        if built.statements
    ]
    raw = encode_document(Index(schema_version=2, media_type=OCI_INDEX, manifests=children))
    return Descriptor(media_type=OCI_INDEX, digest=content.put(raw, lease), size=len(raw))


def _manifest(
    content: ContentStore, lease: Lease, built: Built, annotations: Mapping[str, str] | None
) -> Descriptor:
    layers = [as_oci(layer) for layer in built.tree.layers]
    for layer in layers:
        content.adopt(layer.digest, lease)
    raw_config = encode_document(built.config)
    config = Descriptor(
        media_type=OCI_CONFIG, digest=content.put(raw_config, lease), size=len(raw_config)
    )
    raw = encode_document(
        Manifest(
            schema_version=2,
            media_type=OCI_MANIFEST,
            config=config,
            layers=layers,
            annotations=dict(annotations) if annotations else None,
        )
    )
    return Descriptor(media_type=OCI_MANIFEST, digest=content.put(raw, lease), size=len(raw))


def _attestation(
    content: ContentStore, lease: Lease, subject: Descriptor, built: Built
) -> Descriptor:
    """Store the statements about a manifest; return the descriptor for its index."""
    layers = []
    diff_ids = []
    for predicate, statement in sorted(built.statements.items()):
        raw = _with_subject(statement, subject)
        digest = content.put(raw, lease)
        diff_ids.append(digest)
        layers.append(
            Descriptor(
                media_type=_IN_TOTO,
                digest=digest,
                size=len(raw),
                annotations={_PREDICATE: predicate},
            )
        )
    raw_config = encode_document(
        ImageConfig(
            architecture="unknown", os="unknown", rootfs=RootFs(type="layers", diff_ids=diff_ids)
        )
    )
    config = Descriptor(
        media_type=OCI_CONFIG, digest=content.put(raw_config, lease), size=len(raw_config)
    )
    raw = encode_document(
        Manifest(schema_version=2, media_type=OCI_MANIFEST, config=config, layers=layers)
    )
    return Descriptor(
        media_type=OCI_MANIFEST,
        digest=content.put(raw, lease),
        size=len(raw),
        platform=_UNKNOWN,
        annotations={
            "vnd.docker.reference.digest": str(subject.digest),
            "vnd.docker.reference.type": "attestation-manifest",
        },
    )


def _with_subject(statement: bytes, subject: Descriptor) -> bytes:
    document = msgspec.json.decode(statement)
    document["subject"] = [
        {"name": "_", "digest": {subject.digest.algorithm: subject.digest.encoded}}
    ]
    return msgspec.json.encode(document, order="sorted")


def image_annotations(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the manifest's annotations that an output's attributes `annotation.KEY` ask for."""
    found = {}
    for key, value in attributes.items():
        head, _, name = key.partition(".")
        if head in ("annotation", "annotation-manifest") and name:
            found[name] = value
    return found


def config_digest(config: ImageConfig) -> str:
    """Return the digest of a config's bytes."""
    return "sha256:" + hashlib.sha256(encode_document(config)).hexdigest()
