from __future__ import annotations


def test_standard_input_and_changes_are_sent(baleen, fake, fakes):
    fake.on("POST", "/images/create", fakes.Reply({"status": "sha256:1"}))
    outcome = baleen("import", "-c", 'CMD ["a"]', "-m", "why", "-", "x:y", stdin=b"tar")
    assert outcome.out == "sha256:1\n"
    request = fake.last("/images/create")
    assert request.body == b"tar"
    assert request.query == {
        "fromSrc": ["-"],
        "repo": ["x"],
        "tag": ["y"],
        "message": ["why"],
        "changes": ['CMD ["a"]'],
    }


def test_a_file_is_sent_and_an_address_is_not_read(baleen, fake, fakes, tmp_path):
    fake.on("POST", "/images/create", fakes.Reply({"status": "sha256:1"}))
    (tmp_path / "a.tar").write_bytes(b"x" * 500_000)
    baleen("import", str(tmp_path / "a.tar"))
    assert len(fake.last("/images/create").body) == 500_000
    baleen("import", "http://host/a.tar", "r")
    request = fake.last("/images/create")
    assert (request.query, request.body) == (
        {"fromSrc": ["http://host/a.tar"], "repo": ["r"]},
        b"",
    )


def test_mistakes_send_nothing(baleen, fake):
    assert baleen("import", "/nope").err == "open /nope: no such file or directory\n"
    outcome = baleen("import", "-", "UP")
    assert (outcome.code, outcome.err) == (
        1,
        "invalid reference format: repository name (library/UP) must be lowercase\n",
    )
    assert fake.requests == []
