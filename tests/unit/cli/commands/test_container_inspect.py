from __future__ import annotations


def test_the_size_is_asked_for(baleen, fake, fakes):
    fake.on("GET", "/containers/c/json", fakes.Reply({"Id": "1", "SizeRw": 5}))
    assert baleen("container", "inspect", "-s", "-f", "{{.SizeRw}}", "c").out == "5\n"
    assert fake.last("/containers/c/json").query == {"size": ["1"]}
    baleen("container", "inspect", "c")
    assert fake.last("/containers/c/json").query == {}


def test_only_containers_are_looked_at(baleen, fake, refusal):
    fake.on("GET", "/containers/x/json", refusal("No such container: x"))
    outcome = baleen("container", "inspect", "x")
    assert (outcome.code, outcome.out) == (1, "[]\n")
    assert outcome.err == "Error response from daemon: No such container: x\n"
    assert [r.path for r in fake.requests] == ["/_ping", "/containers/x/json"]
