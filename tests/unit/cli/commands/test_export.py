from __future__ import annotations


def test_to_standard_output_or_a_file(baleen, fake, fakes, tmp_path):
    fake.on("GET", "/containers/c/export", fakes.Reply(b"tar"))
    assert baleen("export", "c").out == "tar"
    assert baleen("export", "-o", str(tmp_path / "f"), "c").out == ""
    assert (tmp_path / "f").read_bytes() == b"tar"


def test_bad_destinations_are_found_before_the_request(baleen, fake, tmp_path):
    folder = baleen("export", "-o", str(tmp_path), "c")
    missing = baleen("export", "-o", f"{tmp_path}/no/f", "c")
    assert folder.err == "failed to export container: cannot write to a directory\n"
    assert missing.err == (
        f"failed to export container: invalid output path: stat {tmp_path}/no: "
        "no such file or directory\n"
    )
    assert (folder.code, missing.code, fake.requests) == (1, 1, [])


def test_a_missing_container_leaves_no_file(baleen, fake, refusal, tmp_path):
    fake.on("GET", "/containers/x/export", refusal("No such container: x"))
    assert baleen("export", "-o", str(tmp_path / "f"), "x").code == 1
    assert list(tmp_path.iterdir()) == []
