from __future__ import annotations

import io
import json
import tarfile

import pytest

from baleen.api.build_frames import DATA, PRELUDE, BuildFrames
from baleen.cli.building import exchange
from baleen.cli.building.context import Source, find_context
from baleen.client.build_stream import MESSAGE, frame
from baleen.errors import BaleenError


def test_the_body_is_the_prelude_and_the_contexts_in_order(tmp_path):
    for name in ("main", "more"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(name)
    source = find_context(str(tmp_path / "main"), "")
    raw = b"".join(exchange.own_upload({"Why": True}, source, [str(tmp_path / "more")]))
    frames = list(BuildFrames().feed(raw))
    assert frames[0] == (PRELUDE, json.dumps({"Why": True}).encode())
    assert [kind for kind, _ in frames[1:]].count(DATA) == len(frames) - 1
    assert [payload for _, payload in frames].count(b"") == 2
    first = b"".join(payload for _, payload in frames[1 : frames.index((DATA, b""))])
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert archive.extractfile("Dockerfile").read() == b"main"


def test_another_engine_gets_the_dockerfile_in_the_tar(tmp_path):
    (tmp_path / "f").write_text("f")
    source = Source()
    source.directory, source.text = str(tmp_path), "FROM x"
    raw = b"".join(exchange.classic_upload(source))
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        assert archive.extractfile(source.dockerfile).read() == b"FROM x"
        assert "f" in archive.getnames()


def test_an_answer_is_read_by_frames():
    raw = frame(MESSAGE, b'{"a":1}') + frame(DATA, b"x")
    assert list(exchange.answer_frames(iter([raw]))) == [(MESSAGE, {"a": 1}), (DATA, b"x")]
    with pytest.raises(BaleenError):
        list(exchange.answer_frames(iter([frame(MESSAGE, b"[]")])))
