from __future__ import annotations


def test_the_id_is_printed_and_warnings_go_elsewhere(baleen, fake, fakes, tmp_path):
    fake.on("POST", "/containers/create", fakes.Reply({"Id": "c1", "Warnings": ["careful"]}, 201))
    outcome = baleen("create", "--name", "n", "-it", "img", "sh", "-c", "x")
    assert (outcome.code, outcome.out, outcome.err) == (0, "c1\n", "WARNING: careful\n")
    request = fake.last("/containers/create")
    assert request.query == {"name": ["n"]}
    body = request.json()
    assert body["Cmd"] == ["sh", "-c", "x"]
    # Nothing is attached now, but `start -ai` will attach what an attached `run` has.
    assert (body["OpenStdin"], body["AttachStdin"], body["AttachStdout"]) == (True, True, True)


def test_the_engines_refusal_is_one_and_a_bad_flag_125(baleen, fake, fakes):
    fake.on("POST", "/containers/create", fakes.Reply({"message": "name in use"}, 409))
    outcome = baleen("create", "img")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: name in use\n")
    assert baleen("create", "--memory", "1x", "img").code == 125
    outcome = baleen("create", "--pull", "foo", "img")
    assert outcome.code == 125
    assert outcome.err.endswith("\n\nRun 'baleen create --help' for more information\n")


def test_an_id_file_is_not_overwritten(baleen, fake, tmp_path):
    path = tmp_path / "id"
    path.write_text("old")
    outcome = baleen("create", "--cidfile", str(path), "img")
    assert outcome.code == 1
    assert outcome.err == (
        f"container ID file found, make sure the other container isn't running or delete {path}\n"
    )
    assert (fake.requests, path.read_text()) == ([], "old")
