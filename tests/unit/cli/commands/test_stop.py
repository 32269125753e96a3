from __future__ import annotations

import threading


def test_options_reach_the_request(baleen, fake, fakes):
    fake.on("POST", "/containers/c/stop", fakes.Reply(status=204))
    outcome = baleen("stop", "-t", "3", "-s", "INT", "c")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c\n", "")
    assert fake.last("/containers/c/stop").query == {"t": ["3"], "signal": ["INT"]}
    baleen("stop", "c")
    assert fake.last("/containers/c/stop").query == {}


def test_the_old_flag_works_and_says_so(baleen, fake, fakes):
    fake.on("POST", "/containers/c/stop", fakes.Reply(status=204))
    outcome = baleen("stop", "--time", "3", "c")
    assert fake.last("/containers/c/stop").query == {"t": ["3"]}
    assert outcome.err == "Flag --time has been deprecated, use --timeout instead\n"


def test_an_error_does_not_stop_the_rest(baleen, fake, fakes, refusal):
    fake.on("POST", "/containers/a/stop", refusal("No such container: a"))
    fake.on("POST", "/containers/b/stop", fakes.Reply(status=304))
    outcome = baleen("stop", "a", "b")
    assert (outcome.code, outcome.out) == (1, "b\n")
    assert outcome.err == "Error response from daemon: No such container: a\n"


def test_containers_are_stopped_at_the_same_time(baleen, fake, fakes):
    # Each answer waits for the other request.
    both = threading.Barrier(2, timeout=20)

    def stop(_request):
        both.wait()
        return fakes.Reply(status=204)

    fake.on("POST", "/containers/a/stop", stop)
    fake.on("POST", "/containers/b/stop", stop)
    assert baleen("stop", "a", "b").out == "a\nb\n"
