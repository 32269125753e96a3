from __future__ import annotations

import json
import os

import pytest

from baleen.client.credential_helpers import erase, fetch, store
from baleen.errors import Internal, InvalidArgument, NotFound

HELPER = """#!/bin/sh
# Keeps what it is given in files beside itself.
input=$(cat)
case "$1" in
  store) printf %s "$input" > "$0.kept" ;;
  get)
    if [ "$input" = broken ]; then echo "the keyring is locked"; exit 1; fi
    if [ "$input" = junk ]; then echo "no json"; exit 0; fi
    if [ ! -e "$0.kept" ]; then echo "credentials not found in native keychain"; exit 1; fi
    cat "$0.kept" ;;
  erase)
    if [ "$input" = broken ]; then echo "the keyring is locked"; exit 1; fi
    if [ ! -e "$0.kept" ]; then echo "credentials not found in native keychain"; exit 1; fi
    rm "$0.kept" ;;
esac
"""


@pytest.fixture(autouse=True)
def helper(tmp_path, monkeypatch):
    program = tmp_path / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


def test_a_password_goes_there_and_back(helper):
    store("test", "r.io", "me", "p:\"'é", "")
    kept = helper.with_name("docker-credential-test.kept")
    assert json.loads(kept.read_text()) == {
        "ServerURL": "r.io",
        "Username": "me",
        "Secret": "p:\"'é",
    }
    found = fetch("test", "r.io")
    assert (found.username, found.password, found.identity_token) == ("me", "p:\"'é", "")
    erase("test", "r.io")
    assert not kept.exists()


def test_an_identity_token_has_a_user_that_says_so(helper):
    store("test", "r.io", "me", "", "token")
    found = fetch("test", "r.io")
    assert (found.username, found.password, found.identity_token) == ("", "", "token")


def test_nothing_there_is_no_error():
    assert fetch("test", "r.io") is None
    erase("test", "r.io")


def test_a_helper_that_fails_is_quoted():
    with pytest.raises(Internal, match=r"err: exit status 1, out: `the keyring is locked`"):
        fetch("test", "broken")
    with pytest.raises(Internal, match="error erasing credentials"):
        erase("test", "broken")
    with pytest.raises(Internal, match="gave no JSON"):
        fetch("test", "junk")


def test_a_missing_helper_is_named():
    with pytest.raises(NotFound, match='"docker-credential-none": executable file not found'):
        fetch("none", "r.io")


@pytest.mark.parametrize("name", ["../evil", "a/b", "a b", ""])
def test_a_name_is_no_path(name):
    with pytest.raises(InvalidArgument, match="invalid credential helper"):
        fetch(name, "r.io")
