from __future__ import annotations


def test_each_container_is_asked_for(baleen, fake, fakes):
    for name in "ab":
        fake.on("POST", f"/containers/{name}/pause", fakes.Reply(status=204))
    outcome = baleen("pause", "a", "b")
    assert (outcome.code, outcome.out, outcome.err) == (0, "a\nb\n", "")


def test_a_refusal_fails(baleen, fake, fakes):
    fake.on("POST", "/containers/a/pause", fakes.Reply({"message": "container a is not"}, 409))
    outcome = baleen("pause", "a")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: container a is not\n")
    assert baleen("pause").code == 1
