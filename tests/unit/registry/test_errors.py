"""Codes, statuses and bodies of refusals."""

from __future__ import annotations

import json

from baleen.errors import DataLoss, InvalidArgument, ResourceExhausted, Unavailable
from baleen.oci.digest import Digest
from baleen.registry.errors import CODES, ApiError, Code, body_of, from_error


def test_every_code_has_a_status_and_a_text():
    assert set(CODES) == set(Code)
    for code, (status, text) in CODES.items():
        error = ApiError(code)
        assert (error.status, error.message) == (status, text)
        assert 400 <= status < 600
        assert code.value.replace("_", "").isupper()


def test_the_body_of_an_error():
    digest = Digest.of(b"")
    error = ApiError(Code.BLOB_UNKNOWN, detail={"digest": digest})
    assert json.loads(body_of(error)) == {
        "errors": [
            {
                "code": "BLOB_UNKNOWN",
                "message": "blob unknown to registry",
                "detail": {"digest": str(digest)},
            }
        ]
    }
    assert "detail" not in json.loads(body_of(ApiError(Code.DENIED)))["errors"][0]


def test_errors_of_the_tree_become_answers_in_one_place():
    own = ApiError(Code.DENIED, status=418)
    assert from_error(own) is own
    assert from_error(InvalidArgument("x")).status == 400
    assert from_error(ResourceExhausted("no space left")).status == 507
    assert from_error(Unavailable("x")).headers == {"retry-after": "1"}
    assert from_error(DataLoss("secret")).message == "unknown error"
