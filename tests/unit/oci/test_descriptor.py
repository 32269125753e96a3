"""Documents are decoded strictly and errors say where."""

import pytest

from baleen.errors import InvalidArgument
from baleen.oci.descriptor import Descriptor, decode_document, encode_document

DIGEST = "sha256:" + "b" * 64


def test_a_descriptor_survives_the_wire():
    raw = (
        b'{"mediaType":"a/b","digest":"%b","size":3,"platform":{"architecture":"arm64","os":"linux",'
        b'"os.version":"1"},"annotations":{"k":"v"},"unknown":[1]}' % DIGEST.encode()
    )
    descriptor = decode_document(raw, Descriptor, "descriptor")
    assert descriptor.platform.os_version == "1"
    assert descriptor.annotation("k") == "v"
    assert descriptor.annotation("none") == ""
    assert decode_document(encode_document(descriptor), Descriptor, "x") == descriptor


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b'{"mediaType":"a","digest":"sha256:zz","size":1}', r"length - at `\$.digest`"),
        (b'{"mediaType":"a","digest":5,"size":1}', r"\$.digest"),
        (b'{"mediaType":"a","digest":"%b","size":-1}' % DIGEST.encode(), r"\$.size"),
        (b'{"mediaType":"a","digest":"%b","size":9223372036854775808}' % DIGEST.encode(), "size"),
        (b'{"mediaType":null,"digest":"%b","size":1}' % DIGEST.encode(), r"\$.mediaType"),
        (b"{}", "missing required field"),
        (b"", "truncated"),
        (b"[" * 100_000, "malformed thing"),
        (b'"\xff"', "malformed thing"),
    ],
)
def test_errors_name_the_document_and_the_place(raw, where):
    with pytest.raises(InvalidArgument, match=f"^malformed thing: .*{where}|^{where}"):
        decode_document(raw, Descriptor, "thing")
