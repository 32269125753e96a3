from __future__ import annotations

import stat

import bcrypt
import pytest

from baleen.registry.auth.keys import generate_signing_key, parse_trusted
from baleen.registry.auth.token_section import IssuerSection, _joined, make_issuer
from baleen.registry.auth.watched_file import WatchedFile


@pytest.fixture
def files(tmp_path):
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"ann:{hashed}\n")
    (tmp_path / "keys.json").write_bytes(generate_signing_key().jwks())
    return tmp_path


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
    section = IssuerSection(**auth)
    first, second = (make_issuer(section, files, pytest.fail) for _ in range(2))
    first.close()
    second.close()
    assert first.issuer is not None
    assert first.jwks == second.jwks
    assert stat.S_IMODE((files / "token-key.pem").stat().st_mode) == 0o600
    assert [path.name for path in files.glob("token-key*")] == ["token-key.pem"]
