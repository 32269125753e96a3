from __future__ import annotations

import pytest

from baleen.build.exporters.outputs import parse_outputs
from baleen.errors import InvalidArgument


def test_kinds_have_their_attributes():
    (output,) = parse_outputs([("image", {"name": "a,b", "push": "true", "annotation.x": "y"})])
    assert output.kind == "image"
    assert output.names == ["a", "b"]
    assert output.flag("push")
    assert not output.to_client
    assert parse_outputs([("registry", {})])[0].flag("push")
    assert parse_outputs([("local", {})])[0].to_client
    assert parse_outputs([("moby", {"type": "cacheonly"})])[0].kind == "cacheonly"
    assert parse_outputs([("moby", {})])[0].kind == "image"


@pytest.mark.parametrize(
    ("kind", "attributes", "message"),
    [
        ("nope", {}, "unknown output type"),
        ("local", {"push": "true"}, "unknown attribute"),
        ("image", {"compression": "rar"}, "unsupported layer compression"),
        ("image", {"push": "maybe"}, "invalid value"),
    ],
)
def test_what_is_not_known_is_refused(kind, attributes, message):
    with pytest.raises(InvalidArgument, match=message):
        parse_outputs([(kind, attributes)])
