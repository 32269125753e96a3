from __future__ import annotations

import base64
import json
import os

import pytest

from baleen.client.credentials import (
    INDEX_SERVER,
    NO_CREDENTIALS,
    AuthConfig,
    CredentialStore,
    hostname,
    registry_of,
)
from baleen.errors import InvalidArgument

KEEPER = """#!/bin/sh
input=$(cat)
case "$1" in
  store) printf %s "$input" > "$0.kept" ;;
  get) if [ -e "$0.kept" ]; then cat "$0.kept"; else
         echo "credentials not found in native keychain"; exit 1; fi ;;
  erase) rm -f "$0.kept" ;;
esac
"""


@pytest.fixture
def directory(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)
    return tmp_path / "config"


def helper(directory, name):
    program = directory.parent / "bin" / f"docker-credential-{name}"
    program.write_text(KEEPER)
    program.chmod(0o755)


def write(directory, document):
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(document))


def read(directory):
    return json.loads((directory / "config.json").read_text())


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("busybox", INDEX_SERVER),
        ("a/b:1", INDEX_SERVER),
        ("docker.io/a/b", INDEX_SERVER),
        ("index.docker.io/a", INDEX_SERVER),
        ("localhost/a", "localhost"),
        ("r.io:5000/a/b@sha256:1", "r.io:5000"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000"),
    ],
)
def test_an_image_names_its_server(image, server):
    assert registry_of(image) == server


def test_a_server_is_known_by_its_host():
    assert hostname("https://r.io:5000/v1/") == hostname("http://r.io:5000") == "r.io:5000"


def test_credentials_are_kept_in_the_file_and_found_again(directory):
    store = CredentialStore(str(directory))
    assert store.store(AuthConfig("r.io", username="me", password="a:b"))
    assert read(directory) == {"auths": {"r.io": {"auth": "bWU6YTpi"}}}
    found = store.get("r.io")
    assert (found.username, found.password) == ("me", "a:b")
    assert not store.get("s.io")
    assert store.erase(["r.io"]) == []
    assert not store.get("r.io")


@pytest.mark.parametrize("key", ["r.io", "https://r.io/v1/", "http://r.io"])
def test_old_spellings_of_a_server_are_found(directory, key):
    write(directory, {"auths": {key: {"auth": "bWU6cA=="}}})
    assert CredentialStore(str(directory)).get("r.io").password == "p"


def test_tokens_in_the_file_are_read(directory):
    write(directory, {"auths": {"r.io": {"identitytoken": "i", "registrytoken": "r"}}})
    found = CredentialStore(str(directory)).get("r.io")
    assert (found.identity_token, found.registry_token) == ("i", "r")
    assert found.document() == {
        "serveraddress": "r.io",
        "identitytoken": "i",
        "registrytoken": "r",
    }


def test_a_store_keeps_them_and_the_file_has_an_empty_entry(directory):
    helper(directory, "all")
    write(directory, {"credsStore": "all"})
    store = CredentialStore(str(directory))
    assert not store.store(AuthConfig("r.io", username="me", password="p"))
    assert read(directory) == {"credsStore": "all", "auths": {"r.io": {}}}
    assert store.get("r.io").password == "p"
    assert store.erase(["r.io"]) == []
    assert read(directory) == {"credsStore": "all", "auths": {}}
    assert not store.get("r.io")


def test_a_helper_is_for_its_host_alone(directory):
    helper(directory, "one")
    write(directory, {"credHelpers": {"r.io": "one"}})
    store = CredentialStore(str(directory))
    assert not store.store(AuthConfig("r.io", username="me", password="p"))
    assert store.store(AuthConfig("s.io", username="you", password="q"))
    assert read(directory)["auths"] == {"r.io": {}, "s.io": {"auth": "eW91OnE="}}
    assert store.get("r.io").username == "me"
    assert store.get("s.io").username == "you"


def test_a_system_with_a_store_uses_it_when_nothing_was_said(directory):
    helper(directory, "secretservice")
    store = CredentialStore(str(directory))
    assert not store.store(AuthConfig("r.io", username="me", identity_token="t"))
    assert read(directory) == {"credsStore": "secretservice", "auths": {"r.io": {}}}
    assert store.get("r.io").identity_token == "t"


def test_a_file_with_passwords_stays_the_store(directory):
    helper(directory, "secretservice")
    write(directory, {"auths": {"s.io": {"auth": "bWU6cA=="}}})
    assert CredentialStore(str(directory)).store(AuthConfig("r.io", username="a", password="b"))


def test_the_environment_goes_first(directory, monkeypatch):
    write(directory, {"auths": {"r.io": {"auth": "bWU6cA=="}}})
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", '{"auths": {"r.io": {"auth": "Y2k6eA=="}}}')
    store = CredentialStore(str(directory))
    assert store.get("r.io").username == "ci"
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", "{")
    with pytest.raises(InvalidArgument, match="DOCKER_AUTH_CONFIG"):
        store.get("r.io")


@pytest.mark.parametrize("auth", ["%%%", "bWU="])
def test_a_malformed_entry_is_named(directory, auth):
    write(directory, {"auths": {"r.io": {"auth": auth}}})
    with pytest.raises(InvalidArgument, match=r"entry of r\.io"):
        CredentialStore(str(directory)).get("r.io")


def test_the_header_is_base64url_of_the_document():
    assert AuthConfig("r.io").header() == NO_CREDENTIALS
    header = AuthConfig("r.io", username="é?>", password="p").header()
    assert "+" not in header
    assert "/" not in header
    assert json.loads(base64.urlsafe_b64decode(header)) == {
        "username": "é?>",
        "password": "p",
        "serveraddress": "r.io",
    }
