from __future__ import annotations


def test_names_have_slashes(baleen, fake, fakes):
    fake.on("GET", "/images/r.io/a/b:1/json", fakes.Reply({"Id": "sha256:1"}))
    assert baleen("image", "inspect", "-f", "{{.Id}}", "r.io/a/b:1").out == "sha256:1\n"
    assert fake.last("/images/r.io/a/b:1/json").query == {}


def test_one_platform(baleen, fake, fakes):
    fake.on("GET", "/images/i/json", fakes.Reply({"Id": "sha256:1"}))
    baleen("image", "inspect", "--platform", "linux/arm64/v8", "i")
    assert fake.last("/images/i/json").query == {
        "platform": ['{"os":"linux","architecture":"arm64","variant":"v8"}']
    }
    outcome = baleen("image", "inspect", "--platform", "a/b/c/d", "i")
    assert (outcome.code, outcome.out) == (1, "")


def test_a_missing_image_fails(baleen, fake, refusal):
    fake.on("GET", "/images/x/json", refusal("No such image: x:latest"))
    outcome = baleen("image", "inspect", "x")
    assert (outcome.code, outcome.out) == (1, "[]\n")
    assert outcome.err == "Error response from daemon: No such image: x:latest\n"
