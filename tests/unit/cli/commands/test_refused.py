from __future__ import annotations


def test_build_says_what_the_engine_says(baleen, fake, fakes):
    fake.on("POST", "/build", fakes.Reply({"message": "build is not available"}, 501))
    outcome = baleen("build", "--pull", "-t", "x", ".")
    assert (outcome.code, outcome.err) == (
        1,
        "Error response from daemon: build is not available\n",
    )


def test_an_engine_that_builds_is_not_misunderstood(baleen, fake, fakes):
    fake.on("POST", "/build", fakes.Reply({"message": "no Dockerfile"}, 400))
    assert baleen("build", ".").err == "baleen build is not implemented yet\n"
