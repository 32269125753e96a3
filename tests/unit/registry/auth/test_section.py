from __future__ import annotations

import bcrypt
import pytest

from baleen.errors import InvalidArgument
from baleen.registry.access import Open
from baleen.registry.auth.gates import BasicGate, TokenGate
from baleen.registry.auth.keys import generate_signing_key
from baleen.registry.auth.section import make_admission
from baleen.registry.configuration import Tree


@pytest.fixture
def files(tmp_path):
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"ann:{hashed}\n")
    (tmp_path / "keys.json").write_bytes(generate_signing_key().jwks())
    (tmp_path / "policy.yml").write_text("rules: []\n")
    return tmp_path


def admission(files, **auth):
    made = make_admission(Tree({"auth": auth} if auth else {}), files, pytest.fail)
    made.close()
    return made


def test_without_the_section_everybody_may(files):
    made = admission(files)
    assert isinstance(made.access, Open)
    assert made.is_open


def test_passwords(files):
    made = admission(
        files,
        htpasswd={"path": str(files / "htpasswd"), "realm": "x"},
        policy=str(files / "policy.yml"),
    )
    assert isinstance(made.access, BasicGate)
    assert made.issuer is None
    assert not made.is_open


def test_tokens_of_others(files):
    made = admission(
        files,
        token={
            "realm": "https://a/token",
            "service": "r",
            "issuer": "i",
            "jwks": str(files / "keys.json"),
        },
    )
    assert isinstance(made.access, TokenGate)
    assert made.issuer is None


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"htpaswd": {}}, "missing"),
        ({"htpasswd": {}}, "auth.htpasswd.path"),
        ({"htpasswd": {}, "token": {}}, "choose one"),
        ({"token": {}}, "auth.token.realm"),
        ({"token": {"realm": "https://a", "service": "s"}}, "auth.token.issuer"),
        ({"token": {"realm": "https://a", "service": "s", "issuer": "i"}}, "rootcertbundle"),
        ({"token": {"realm": "a", "service": "s", "issuer": "i"}}, "URL"),
        ({"issuer": {}}, "auth.issuer.realm"),
        ({"issuer": {"realm": "https://a", "service": "s"}}, "auth.issuer.htpasswd"),
        ({"issuer": {"realm": "https://a", "service": "s", "life": "59s"}}, "auth.issuer.life"),
    ],
)
def test_a_wrong_section_is_named_and_leaves_nothing_open(files, auth, reason):
    with pytest.raises(InvalidArgument, match=reason):
        admission(files, **auth)
