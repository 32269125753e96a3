"""Archives of images: load, save, import."""

from __future__ import annotations


def test_load_sends_the_archive_and_shows_messages(baleen, fake, fakes, tmp_path):
    fake.on("POST", "/images/load", lambda r: fakes.Reply({"stream": f"got {len(r.body)}\n"}))
    (tmp_path / "a.tar").write_bytes(b"x" * 1_000_000)
    assert baleen("load", "-i", str(tmp_path / "a.tar")).out == "got 1000000\n"
    assert baleen("load", stdin=b"abc").out == "got 3\n"
    missing = baleen("load", "-i", "/nope")
    assert (missing.code, missing.err) == (1, "open /nope: no such file or directory\n")


def test_an_error_in_the_stream_fails(baleen, fake, fakes):
    fake.on("POST", "/images/load", fakes.Reply({"error": "bad archive"}))
    outcome = baleen("load", stdin=b"abc")
    assert (outcome.code, outcome.err) == (1, "bad archive\n")


def test_save_leaves_nothing_half_done(baleen, fake, fakes, tmp_path):
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
    assert baleen("save", "a").out == "whole"


def test_import_sends_changes(baleen, fake, fakes):
    fake.on("POST", "/images/create", fakes.Reply({"status": "sha256:1"}))
    outcome = baleen("import", "-c", 'CMD ["a"]', "-", "x:y", stdin=b"tar")
    assert outcome.out == "sha256:1\n"
    assert fake.last("/images/create").query == {
        "fromSrc": ["-"],
        "repo": ["x"],
        "tag": ["y"],
        "changes": ['CMD ["a"]'],
    }
