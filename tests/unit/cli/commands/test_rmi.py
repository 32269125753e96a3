from __future__ import annotations


def test_what_the_engine_did_is_printed(baleen, fake, fakes):
    fake.on("DELETE", "/images/r.io/i:1", fakes.Reply([{"Untagged": "i:1"}, {"Deleted": "sha"}]))
    outcome = baleen("rmi", "-f", "--no-prune", "r.io/i:1")
    assert (outcome.code, outcome.out) == (0, "Untagged: i:1\nDeleted: sha\n")
    assert fake.last("/images/r.io/i:1").query == {"force": ["1"], "noprune": ["1"]}


def test_single_platforms_can_be_removed(baleen, fake, fakes):
    fake.on("DELETE", "/images/i", fakes.Reply([]))
    baleen("rmi", "--platform", "linux/amd64,linux/arm/v7", "i")
    assert fake.last("/images/i").query == {
        "platforms": [
            '{"os":"linux","architecture":"amd64"}',
            '{"os":"linux","architecture":"arm","variant":"v7"}',
        ]
    }


def test_force_forgives_a_missing_image(baleen, fake, refusal):
    fake.on("DELETE", "/images/x", refusal("No such image: x:latest"))
    text = "Error response from daemon: No such image: x:latest\n"
    assert [(o.code, o.err) for o in (baleen("rmi", "x"), baleen("rmi", "-f", "x"))] == [
        (1, text),
        (0, text),
    ]
