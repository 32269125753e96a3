"""What builders attest about an image: BuildKit's in-toto statements beside it in its index.

See: Engine API v1.55, /images/{name}/attestations; BuildKit, docs/attestations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from baleen.errors import BaleenError, InvalidArgument
from baleen.images.facts import ATTESTATION
from baleen.images.views import descriptor_view
from baleen.oci.manifest import MANIFEST_LIMIT, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from baleen.content.store import ContentStore
    from baleen.images.facts import Facts
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.digest import Digest

__all__ = ["attestation_statements"]

_IN_TOTO = "application/vnd.in-toto+json"
_PREDICATE = "in-toto.io/predicate-type"
_STATEMENT_LIMIT = 64 << 20


def attestation_statements(
    content: ContentStore,
    facts: Facts,
    manifest: Digest,
    *,
    types: Collection[str],
    statements: bool,
) -> list[dict[str, Any]]:
    """Return the AttestationStatement objects about one manifest of an image.

    Args:
        content: where the blobs are.
        facts: of the image.
        manifest: which of its manifests.
        types: predicate types that are wanted; empty: all.
        statements: whether the statements themselves come too.

    Raises:
        DataLoss: a blob is corrupt.
        NotFound: a statement was not fetched.
    """
    found = []
    for layer in _layers(content, facts, manifest):
        predicate = layer.annotation(_PREDICATE)
        if types and predicate not in types:
            continue
        view: dict[str, Any] = {"Descriptor": descriptor_view(layer), "PredicateType": predicate}
        if statements:
            raw = content.read(layer.digest, limit=_STATEMENT_LIMIT)
            try:
                view["Statement"] = msgspec.json.decode(raw)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as err:
                raise InvalidArgument(f"attestation {layer.digest} is malformed: {err}") from err
        found.append(view)
    return found


def _layers(content: ContentStore, facts: Facts, manifest: Digest) -> Iterator[Descriptor]:
    for child in facts.manifests:
        if child.kind != ATTESTATION or child.attested != manifest:
            continue
        descriptor = child.descriptor
        try:
            raw = content.read(descriptor.digest, limit=MANIFEST_LIMIT)
            layers = parse_manifest(raw, descriptor.media_type).layers
        except BaleenError:
            continue  # it was not fetched, or is another kind of document
        yield from (layer for layer in layers if layer.media_type == _IN_TOTO)
