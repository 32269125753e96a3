"""Commands that do one thing to each container."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("argv", "method", "path", "query"),
    [
        (["stop", "-t", "3", "-s", "INT", "c"], "POST", "stop", {"t": ["3"], "signal": ["INT"]}),
        (["stop", "c"], "POST", "stop", {}),
        (["restart", "--time", "3", "c"], "POST", "restart", {"t": ["3"]}),
        (["kill", "-s", "9", "c"], "POST", "kill", {"signal": ["9"]}),
        (["pause", "c"], "POST", "pause", {}),
        (["unpause", "c"], "POST", "unpause", {}),
        (["start", "c"], "POST", "start", {}),
    ],
)
def test_requests(baleen, fake, fakes, argv, method, path, query):
    fake.on(method, f"/containers/c/{path}", fakes.Reply(status=204))
    outcome = baleen(*argv)
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "")
    assert fake.last(f"/containers/c/{path}").query == query


def test_an_error_does_not_stop_the_rest(baleen, fake, fakes):
    fake.on("POST", "/containers/a/stop", fakes.Reply({"message": "No such container: a"}, 404))
    fake.on("POST", "/containers/b/stop", fakes.Reply(status=304))
    outcome = baleen("stop", "a", "b")
    assert (outcome.code, outcome.out) == (1, "b\n")
    assert outcome.err == "Error response from daemon: No such container: a\n"


def test_start_names_what_failed(baleen, fake, fakes):
    fake.on("POST", "/containers/a/start", fakes.Reply({"message": "no"}, 404))
    outcome = baleen("start", "a")
    assert outcome.code == 1
    assert outcome.err.endswith("Error: failed to start containers: a\n")


def test_rm(baleen, fake, fakes):
    fake.on("DELETE", "/containers/c", fakes.Reply(status=204))
    assert baleen("rm", "-fv", "c").out == "c\n"
    assert fake.last("/containers/c").query == {"force": ["1"], "v": ["1"]}
    missing = fakes.Reply({"message": "No such container: c"}, 404)
    fake.on("DELETE", "/containers/c", missing)
    assert baleen("rm", "c").code == 1
    assert baleen("rm", "-f", "c").code == 0


def test_wait_prints_codes(baleen, fake, fakes):
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 137}))
    assert baleen("wait", "c", "c").out == "137\n137\n"
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 0, "Error": {"Message": "x"}}))
    assert baleen("wait", "c").code == 1


def test_rename(baleen, fake, fakes):
    fake.on("POST", "/containers/a/rename", fakes.Reply(status=204))
    assert baleen("rename", "a", "b").code == 0
    assert fake.last("/containers/a/rename").query == {"name": ["b"]}


def test_update(baleen, fake, fakes):
    fake.on("POST", "/containers/c/update", fakes.Reply({"Warnings": ["w"]}))
    outcome = baleen("update", "-m", "1m", "--restart", "always", "c")
    assert (outcome.out, outcome.err) == ("c\n", "w\n")
    assert fake.last("/containers/c/update").json() == {
        "Memory": 1 << 20,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    }
    assert baleen("update", "c").code == 1
