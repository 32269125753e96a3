from __future__ import annotations

import stat

import bcrypt
import pytest

from baleen.errors import InvalidArgument
from baleen.registry.access import Open
from baleen.registry.auth.gates import BasicGate, TokenGate
from baleen.registry.auth.keys import generate_signing_key, parse_trusted
from baleen.registry.auth.section import _joined, make_admission
from baleen.registry.auth.watched_file import WatchedFile
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


def test_keys_of_two_files_are_one_object_until_one_changes(files):
    paths = [files / "keys.json", files / "more.json"]
    paths[1].write_bytes(generate_signing_key().jwks())
    trusted = _joined(
        [
            WatchedFile(path, parse_trusted, limit_bytes=10_000, complain=pytest.fail)
            for path in paths
        ]
    )
    assert len(trusted().by_id) == 2
    assert trusted() is trusted()
    before = trusted()
    paths[1].write_bytes(generate_signing_key().jwks() + b" ")
    assert trusted() is not before
    assert len(set(trusted().by_id) & set(before.by_id)) == 1


def test_our_own_issuer_makes_its_key_once_and_for_its_owner_only(files):
    auth = {"realm": "https://a/token", "service": "r", "htpasswd": str(files / "htpasswd")}
    first, second = admission(files, issuer=auth), admission(files, issuer=auth)
    assert first.issuer is not None
    assert first.jwks == second.jwks
    assert stat.S_IMODE((files / "token-key.pem").stat().st_mode) == 0o600
    assert [path.name for path in files.glob("token-key*")] == ["token-key.pem"]


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
