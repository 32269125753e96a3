from __future__ import annotations


def test_the_images_are_named_and_the_file_is_whole_or_the_old_one(baleen, fake, fakes, tmp_path):
    path = tmp_path / "out.tar"
    path.write_bytes(b"old")
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    fake.on("GET", "/images/get", fakes.Reply(raw=raw))
    assert baleen("save", "-o", str(path), "a", "b").code == 1
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.tar"]
    fake.on("GET", "/images/get", fakes.Reply(b"whole"))
    assert baleen("save", "-o", str(path), "a", "b").code == 0
    assert path.read_bytes() == b"whole"
    assert fake.last("/images/get").query == {"names": ["a", "b"]}


def test_the_platform_is_sent_as_json(baleen, fake, fakes):
    fake.on("GET", "/images/get", fakes.Reply(b"tar"))
    assert baleen("save", "--platform", "linux/arm64", "a").out == "tar"
    assert fake.last("/images/get").query["platform"] == ['{"os":"linux","architecture":"arm64"}']


def test_a_folder_is_no_destination(baleen, fake, tmp_path):
    outcome = baleen("save", "-o", str(tmp_path), "a")
    assert (outcome.code, outcome.err) == (
        1,
        "failed to save image: cannot write to a directory\n",
    )
    assert fake.requests == []
