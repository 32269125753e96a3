from __future__ import annotations


def test_options_reach_the_request(baleen, fake, fakes):
    fake.on("DELETE", "/containers/c", fakes.Reply(status=204))
    outcome = baleen("rm", "-fvl", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "")
    assert fake.last("/containers/c").query == {"force": ["1"], "v": ["1"], "link": ["1"]}
    baleen("rm", "c")
    assert fake.last("/containers/c").query == {}


def test_force_forgives_a_missing_container_but_says_so(baleen, fake, refusal):
    fake.on("DELETE", "/containers/c", refusal("No such container: c"))
    text = "Error response from daemon: No such container: c\n"
    plain, forced = baleen("rm", "c"), baleen("rm", "-f", "c")
    assert (plain.code, plain.err) == (1, text)
    assert (forced.code, forced.out, forced.err) == (0, "", text)


def test_a_running_container_is_kept_and_the_rest_removed(baleen, fake, fakes):
    fake.on("DELETE", "/containers/a", fakes.Reply({"message": "container is running"}, 409))
    fake.on("DELETE", "/containers/b", fakes.Reply(status=204))
    outcome = baleen("rm", "a", "b")
    assert (outcome.code, outcome.out) == (1, "b\n")
