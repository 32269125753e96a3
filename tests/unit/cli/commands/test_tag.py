from __future__ import annotations


def test_name_and_tag_are_sent(baleen, fake, fakes):
    fake.on("POST", "/images/r.io/a:1/tag", fakes.Reply(status=201))
    outcome = baleen("tag", "r.io/a:1", "b:2")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert fake.last("/images/r.io/a:1/tag").query == {"repo": ["b"], "tag": ["2"]}
    baleen("tag", "r.io/a:1", "b")
    assert fake.last("/images/r.io/a:1/tag").query == {"repo": ["b"], "tag": ["latest"]}


def test_a_digest_is_no_tag(baleen, fake):
    outcome = baleen("tag", "a", "b@sha256:" + "1" * 64)
    assert (outcome.code, outcome.err) == (
        1,
        "refusing to create a tag with a digest reference\n",
    )
    assert fake.requests == []


def test_a_missing_image_fails(baleen, fake, refusal):
    fake.on("POST", "/images/x/tag", refusal("No such image: x:latest"))
    outcome = baleen("tag", "x", "y")
    assert outcome.err == "Error response from daemon: No such image: x:latest\n"
