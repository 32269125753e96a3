from __future__ import annotations

import json

import pytest

from baleen.api.explanation import Explanation
from baleen.api.wire import encode

CONTAINER = "/baleen/v1/containers/web/explain"
DRY_RUN = "/baleen/v1/containers/explain"


@pytest.fixture(autouse=True)
def engine(fake, fakes):
    running = encode(Explanation(name="web", id="a" * 64, status="running"))
    fake.on("GET", CONTAINER, fakes.Reply(json.loads(running)))
    planned = encode(Explanation(source="plan", status="dry-run", image="busybox"))
    fake.on("POST", DRY_RUN, fakes.Reply(json.loads(planned)))


def test_a_container_is_explained(baleen):
    outcome = baleen("explain", "web")
    assert outcome.code == 0
    assert outcome.out.startswith("CONTAINER\n  name        web (aaaaaaaaaaaa)\n")
    assert "\x1b" not in outcome.out
    assert baleen("container", "explain", "web").out == outcome.out


@pytest.mark.parametrize("words", [("--json", "web"), ("web", "--json")])
def test_json_is_the_engines_document(baleen, words):
    assert json.loads(baleen("explain", *words).out)["Name"] == "web"


def test_a_dry_run_sends_the_body_of_create(baleen, fake):
    outcome = baleen(
        "explain", "--dry-run", "--name", "x", "-m", "64m", "-p", "80", "busybox", "sh", "--json"
    )
    assert outcome.code == 0
    assert "dry-run" in outcome.out
    request = fake.last(DRY_RUN)
    sent = request.json()
    assert request.query == {"name": ["x"]}
    assert (sent["Image"], sent["Cmd"]) == ("busybox", ["sh", "--json"])
    assert sent["HostConfig"]["Memory"] == 64 << 20


def test_dry_run_may_stand_at_the_end(baleen, fake):
    outcome = baleen("explain", "busybox", "echo", "hi", "--dry-run", "--json")
    assert json.loads(outcome.out)["Status"] == "dry-run"
    assert fake.last(DRY_RUN).json()["Cmd"] == ["echo", "hi"]


def test_options_of_a_container_need_a_dry_run(baleen, fake):
    outcome = baleen("explain", "-m", "64m", "web")
    assert outcome.code == 1
    assert "--memory describes a new container: it needs --dry-run" in outcome.err
    assert not any(request.path == CONTAINER for request in fake.requests)


def test_one_container_at_a_time(baleen):
    outcome = baleen("explain", "web", "db")
    assert outcome.code == 1
    assert "requires 1 argument" in outcome.err
    assert baleen("explain").code == 1
    assert baleen("explain", "--nosuch", "web").code == 125


def test_what_the_engine_refuses_is_said(baleen, fake, fakes, refusal):
    fake.on("GET", "/baleen/v1/containers/no/explain", refusal("No such container: no"))
    outcome = baleen("explain", "no")
    assert (outcome.code, outcome.err) == (
        1,
        "Error response from daemon: No such container: no\n",
    )
    fake.on("POST", DRY_RUN, fakes.Reply({"message": "Conflict. taken"}, 409))
    assert baleen("explain", "--dry-run", "busybox").code == 1


def test_another_engine_cannot(baleen, fake, refusal):
    fake.on("GET", CONTAINER, refusal("page not found"))
    outcome = baleen("explain", "web")
    assert outcome.code == 1
    assert "this engine cannot explain containers" in outcome.err


@pytest.mark.parametrize(
    "answer", [{"Version": 2}, [], {"Version": 1}, {"Version": 1, "Process": 3}]
)
def test_a_form_that_nobody_knows_is_refused(baleen, fake, fakes, answer):
    fake.on("GET", CONTAINER, fakes.Reply(answer))
    outcome = baleen("explain", "web")
    assert outcome.code == 1
    assert "does not know" in outcome.err
    assert "Traceback" not in outcome.err
