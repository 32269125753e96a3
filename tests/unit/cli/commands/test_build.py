from __future__ import annotations

import json

from baleen.client.build_stream import CONTENT_TYPE, DATA, MESSAGE, frame

OURS = {"Server": "Baleen/1 (linux)", "Api-Version": "1.55"}


def answer(fakes, *messages, data=()):
    raw = b"".join(frame(MESSAGE, json.dumps(message).encode()) for message in messages)
    raw += b"".join(frame(DATA, piece) for piece in data)
    return fakes.Reply(raw, headers={"Content-Type": CONTENT_TYPE})


def test_our_engine_gets_frames_and_the_result_is_told(baleen, fake, fakes, tmp_path):
    fake.on("HEAD", "/_ping", fakes.Reply(b"", headers=OURS))
    result = {"result": {"image": "sha256:1", "names": ["a:latest"], "warnings": ["mind"]}}
    fake.on("POST", "/build", answer(fakes, {"status": "Pulling", "id": "x"}, result))
    (tmp_path / "Dockerfile").write_text("FROM x")
    ids = tmp_path / "id"
    outcome = baleen("build", "-t", "a", "--iidfile", str(ids), str(tmp_path))
    assert outcome.code == 0
    assert "x: Pulling\n" in outcome.err
    assert "built sha256:1 as a:latest" in outcome.err
    assert "mind" in outcome.err
    assert ids.read_text() == "sha256:1"
    sent = fake.requests[-1]
    assert sent.headers["content-type"] == CONTENT_TYPE
    assert sent.query["t"] == ["a"]


def test_a_failure_ends_with_its_code(baleen, fake, fakes, tmp_path):
    fake.on("HEAD", "/_ping", fakes.Reply(b"", headers=OURS))
    (tmp_path / "Dockerfile").write_text("FROM x")
    detail = {"errorDetail": {"code": 7, "message": "no"}, "error": "no"}
    fake.on("POST", "/build", answer(fakes, detail))
    outcome = baleen("build", str(tmp_path))
    assert (outcome.code, outcome.err) == (7, "ERROR: failed to build: no\n")
    fake.on("POST", "/build", answer(fakes, {"errorDetail": {"message": "x"}, "error": "x"}))
    assert baleen("build", str(tmp_path)).code == 1


def test_another_engine_gets_dockers_request(baleen, fake, fakes, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM x")
    lines = [{"stream": "Step 1/1 : FROM x\n"}, {"aux": {"ID": "sha256:2"}}]
    body = b"".join(json.dumps(line).encode() + b"\r\n" for line in lines)
    fake.on("POST", "/build", fakes.Reply(body, headers={"Content-Type": "application/json"}))
    ids = tmp_path / "id"
    outcome = baleen("build", "--iidfile", str(ids), str(tmp_path))
    assert (outcome.code, outcome.out) == (0, "Step 1/1 : FROM x\n")
    assert ids.read_text() == "sha256:2"
    assert fake.requests[-1].headers["content-type"] == "application/x-tar"
    outcome = baleen("build", "--why", str(tmp_path))
    assert outcome.code == 1
    assert "--why needs Baleen's own engine" in outcome.err


def test_flags_are_checked_before_anything_is_asked(baleen, fake, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM x")
    assert "invalid progress mode" in baleen("build", "--progress", "x", str(tmp_path)).err
    assert "shell" in baleen("build", "--on-error", "x", str(tmp_path)).err
    assert baleen("build").code == 1
    assert fake.requests == []


def test_an_engine_is_known_where_the_version_is_given_too(
    baleen, fake, fakes, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_API_VERSION", "1.45")
    fake.on("GET", "/_ping", fakes.Reply(b"OK", headers=OURS))
    fake.on("POST", "/build", answer(fakes, {"result": {"image": "sha256:1"}}))
    (tmp_path / "Dockerfile").write_text("FROM x")
    assert baleen("build", str(tmp_path)).code == 0
    assert fake.requests[-1].headers["content-type"] == CONTENT_TYPE
