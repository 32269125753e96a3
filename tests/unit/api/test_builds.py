from __future__ import annotations

import base64
import json

import pytest

from baleen.api.builds import (
    BuildCache,
    BuildPrelude,
    BuildPruneResponse,
    BuildSecret,
    decode_auth_configs,
)
from baleen.api.wire import decode, encode
from baleen.errors import InvalidArgument


def test_a_prelude_has_the_names_of_the_documentation():
    raw = json.dumps(
        {
            "Dockerfile": "FROM x",
            "Secrets": [{"ID": "a", "Data": base64.b64encode(b"v").decode()}],
            "SSH": ["default"],
            "Contexts": {"b": "local"},
            "Why": True,
        }
    ).encode()
    prelude = decode(BuildPrelude, raw)
    assert prelude.dockerfile == "FROM x"
    assert prelude.secrets[0].value() == b"v"
    assert prelude.ssh == ["default"]
    assert prelude.why
    assert decode(BuildPrelude, b"{}").dockerfile is None


def test_a_secret_is_not_printed():
    secret = BuildSecret(id="a", data=base64.b64encode(b"hidden").decode())
    assert secret.data not in repr(secret)
    with pytest.raises(InvalidArgument, match='secret "a" is not base64'):
        BuildSecret(id="a", data="*").value()


def test_a_record_is_as_the_api_says():
    view = json.loads(encode(BuildCache(id="x", type="regular", size=3)))
    assert view["ID"] == "x"
    assert view["InUse"] is False
    assert "Parents" not in view
    assert json.loads(encode(BuildPruneResponse())) == {"CachesDeleted": None, "SpaceReclaimed": 0}


def test_credentials_come_by_registry():
    document = {"host:5000": {"username": "u", "password": "p"}}
    text = base64.urlsafe_b64encode(json.dumps(document).encode()).decode()
    assert decode_auth_configs(text)["host:5000"].username == "u"
    assert decode_auth_configs("") == {}
    with pytest.raises(InvalidArgument, match="invalid X-Registry-Config header"):
        decode_auth_configs("*")
