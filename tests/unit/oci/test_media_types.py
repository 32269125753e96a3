"""Media types are spelled as in the specifications."""

from baleen.oci import media_types


def test_no_media_type_has_two_meanings():
    groups = [media_types.INDEX_TYPES, media_types.MANIFEST_TYPES, media_types.LAYER_TYPES]
    assert len(frozenset().union(*groups)) == sum(map(len, groups))
    assert media_types.OCI_CONFIG not in frozenset().union(*groups)


def test_layer_types_of_both_families_are_known():
    assert {
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    } <= media_types.LAYER_TYPES
