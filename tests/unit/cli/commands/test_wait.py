from __future__ import annotations


def test_codes_are_printed_and_the_command_succeeds(baleen, fake, fakes):
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 137}))
    outcome = baleen("wait", "c", "c")
    assert (outcome.code, outcome.out) == (0, "137\n137\n")


def test_an_error_in_the_answer_fails(baleen, fake, fakes):
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 0, "Error": {"Message": "x"}}))
    outcome = baleen("wait", "c")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "x\n")


def test_a_missing_container_fails_and_the_rest_is_awaited(baleen, fake, fakes, refusal):
    fake.on("POST", "/containers/x/wait", refusal("No such container: x"))
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 0}))
    outcome = baleen("wait", "x", "c")
    assert (outcome.code, outcome.out) == (1, "0\n")
