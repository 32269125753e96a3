from __future__ import annotations

import json

import msgspec

from baleen.api import explanation
from baleen.api.wire import Wire, encode


def test_names_are_written_as_dockers_are():
    document = json.loads(encode(explanation.Explanation(image_id="sha256:1")))
    assert document["Version"] == 1
    assert document["ImageId"] == "sha256:1"
    assert document["Process"]["Supervisor"]["Pid"] == 0
    assert document["Seccomp"]["Refused"] == []


def test_every_type_is_exported_and_has_defaults_where_lists_are():
    kinds = {
        name: kind
        for name, kind in vars(explanation).items()
        if isinstance(kind, type) and issubclass(kind, Wire) and kind is not Wire
    }
    assert set(kinds) == set(explanation.__all__)
    for kind in kinds.values():
        for field in msgspec.structs.fields(kind):
            assert field.required is False or field.type in (str, bool, int), (kind, field.name)
