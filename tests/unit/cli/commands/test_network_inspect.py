from __future__ import annotations


def test_the_engines_document_is_printed(baleen, fake, fakes):
    fake.on("GET", "/networks/n", fakes.Reply({"Name": "n", "Labels": {}}))
    outcome = baleen("network", "inspect", "n")
    assert outcome.out == '[\n    {\n        "Name": "n",\n        "Labels": {}\n    }\n]\n'
    assert fake.last("/networks/n").query == {}


def test_verbose_is_asked_for(baleen, fake, fakes):
    fake.on("GET", "/networks/n", fakes.Reply({"Name": "n"}))
    assert baleen("network", "inspect", "-v", "-f", "{{.Name}}", "n").out == "n\n"
    assert fake.last("/networks/n").query == {"verbose": ["1"]}


def test_what_is_missing_fails_and_the_rest_is_shown(baleen, fake, fakes, refusal):
    fake.on("GET", "/networks/n", fakes.Reply({"Name": "n"}))
    fake.on("GET", "/networks/x", refusal("network x not found"))
    outcome = baleen("network", "inspect", "-f", "{{.Name}}", "x", "n")
    assert (outcome.code, outcome.out) == (1, "n\n")
    assert outcome.err == "Error response from daemon: network x not found\n"
