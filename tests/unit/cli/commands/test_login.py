from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def registry(fake, fakes):
    def check(request):
        if request.json()["password"] == "good":
            return fakes.Reply({"Status": "Login Succeeded", "IdentityToken": ""})
        return fakes.Reply({"message": "unauthorized: incorrect username or password"}, 401)

    fake.on("POST", "/auth", check)


def test_the_password_comes_from_standard_input(baleen, fake):
    outcome = baleen("login", "-u", "me", "--password-stdin", "r.io:5000", stdin=b"good\r\n")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Login Succeeded\n", "")
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
    assert outcome.err == (
        "WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"
    )


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
