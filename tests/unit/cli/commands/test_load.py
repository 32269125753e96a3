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
