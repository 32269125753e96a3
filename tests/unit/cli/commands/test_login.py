from __future__ import annotations

import json

import pytest


@pytest.fixture
def config(tmp_path):
    return tmp_path / "no-config" / "config.json"


@pytest.fixture(autouse=True)
def registry(fake, fakes):
    def check(request):
        if request.json()["password"] == "good":
            return fakes.Reply({"Status": "Login Succeeded", "IdentityToken": ""})
        return fakes.Reply({"message": "unauthorized: incorrect username or password"}, 401)

    fake.on("POST", "/auth", check)


def test_the_password_comes_from_standard_input(baleen, fake):
    outcome = baleen("login", "-u", "me", "--password-stdin", "r.io:5000", stdin=b"good\r\n")
    assert (outcome.code, outcome.out) == (0, "Login Succeeded\n")
    assert fake.last("/auth").json() == {
        "username": "me",
        "password": "good",
        "serveraddress": "r.io:5000",
    }


def test_docker_hub_is_meant_by_default(baleen, fake):
    baleen("login", "-u", "me", "-p", "-", stdin=b"good")
    assert fake.last("/auth").json()["serveraddress"] == "https://index.docker.io/v1/"


def test_a_password_in_the_open_is_warned_about(baleen):
    outcome = baleen("login", "-u", "me", "-p", "good")
    assert (outcome.code, outcome.out) == (0, "Login Succeeded\n")
    assert outcome.err.startswith(
        "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"
    )


def test_the_password_is_kept_and_that_is_said(baleen, config):
    outcome = baleen("login", "-u", "me", "--password-stdin", "https://r.io/v2/", stdin=b"good")
    assert outcome.err == (
        f"\nWARNING! Your credentials are stored unencrypted in '{config}'.\n"
        "Configure a credential helper to remove this warning. See\n"
        "https://docs.docker.com/go/credential-store/\n\n"
    )
    assert json.loads(config.read_text()) == {"auths": {"r.io": {"auth": "bWU6Z29vZA=="}}}
    assert config.stat().st_mode & 0o777 == 0o600


def test_an_identity_token_is_kept_instead_of_the_password(baleen, fake, fakes, config):
    fake.on("POST", "/auth", fakes.Reply({"Status": "Login Succeeded", "IdentityToken": "t"}))
    baleen("login", "-u", "me", "-p", "good", "r.io")
    assert json.loads(config.read_text()) == {
        "auths": {"r.io": {"auth": "bWU6", "identitytoken": "t"}}
    }


def test_known_credentials_are_tried_first(baleen, fake):
    baleen("login", "-u", "me", "-p", "good", "r.io")
    outcome = baleen("login", "r.io")
    assert (outcome.code, outcome.out) == (0, "Login Succeeded\n")
    assert outcome.err.startswith("Authenticating with existing credentials... [Username: me]\n")
    assert fake.last("/auth").json()["password"] == "good"


def test_known_credentials_that_do_not_do_any_more_are_asked_for_anew(baleen, config):
    config.parent.mkdir()
    config.write_text('{"auths": {"r.io": {"auth": "bWU6b2xk"}}}')
    outcome = baleen("login", "r.io")
    assert outcome.code == 1
    assert "Stored credentials invalid or expired\n" in outcome.err
    assert outcome.err.endswith("Cannot perform an interactive login from a non TTY device\n")
    assert json.loads(config.read_text()) == {"auths": {"r.io": {"auth": "bWU6b2xk"}}}


def test_a_configuration_that_cannot_be_written_is_an_error(baleen, config):
    config.parent.write_text("a file")
    outcome = baleen("login", "-u", "me", "-p", "good", "r.io")
    assert outcome.code == 1
    assert "Error saving credentials: " in outcome.err


def test_a_wrong_password_fails_and_is_not_shown(baleen):
    outcome = baleen("login", "-u", "me", "--password-stdin", stdin=b"hunter2")
    assert outcome.code == 1
    assert outcome.err == (
        "Error response from daemon: unauthorized: incorrect username or password\n"
    )


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        ([], "Error: Cannot perform an interactive login from a non TTY device\n"),
        (["-u", "me"], "Error: Cannot perform an interactive login from a non TTY device\n"),
        (["--password-stdin"], "the --password-stdin option requires --username to be set\n"),
        (["-u", "", "--password-stdin"], "username is empty\n"),
        (["-u", "me", "--password-stdin"], "password is empty\n"),
        (
            ["-u", "me", "-p", "x", "--password-stdin"],
            "conflicting options: cannot specify both --password and --password-stdin\n",
        ),
    ],
)
def test_mistakes_send_nothing(baleen, fake, argv, text):
    outcome = baleen("login", *argv)
    assert (outcome.code, outcome.out, outcome.err) == (1, "", text)
    assert fake.requests == []
