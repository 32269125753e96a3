from __future__ import annotations

DIGEST = "sha256:" + "1" * 64
OFFER = {"Target": {"digest": DIGEST}, "Names": ["a:1"], "Blobs": [{"Digest": DIGEST, "Size": 5}]}


def test_what_was_sent_is_said(baleen, fake, fakes):
    fake.on("GET", "/baleen/v1/images/a:1/blobs", fakes.Reply(OFFER))
    fake.on("POST", "/baleen/v1/images/receive", fakes.Reply({"Missing": []}))
    outcome = baleen("image", "send", "a:1", fake.host)
    assert (outcome.code, outcome.out) == (
        0,
        f"{'1' * 12}: Already exists\nSent a:1: 0 blobs, 0B; 1 were there already\n",
    )
    outcome = baleen("image", "send", "-q", "a:1", fake.host)
    assert (outcome.code, outcome.out) == (0, f"{DIGEST}\n")


def test_a_host_is_needed(baleen):
    outcome = baleen("image", "send", "a:1")
    assert outcome.code == 1
    assert "requires at least 2 arguments" in outcome.err
    assert 'context "b": context not found' in baleen("image", "send", "a:1", "b").err
