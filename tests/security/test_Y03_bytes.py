"""Y03: names and values that are not UTF-8 pass through as bytes, and break nothing."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from attack_lab import Layer, image, put

pytestmark = pytest.mark.integration

NAME = bytes(range(0x80, 0x100)) + b"\n\t\x01"


def test_file_names_through_layer_container_and_cp(engine):
    text = os.fsdecode(NAME)
    name = image(engine, Layer().file(f"d/{text}", b"in a layer"))
    engine.docker("run", "-d", "--name", "box", name, "sleep", "1000")
    assert put(engine, "box", "/e", bytes(Layer().file("x"))).status == 404
    assert put(engine, "box", "/d", bytes(Layer().file(f"new{text}", b"by cp"))).status == 200
    got = engine.api("GET", "/containers/box/archive?path=/d").body
    with tarfile.open(fileobj=io.BytesIO(got), errors="surrogateescape") as tar:
        names = {os.fsencode(name) for name in tar.getnames()}
    assert {b"d/" + NAME, b"d/new" + NAME} <= names
    assert engine.api("GET", "/containers/box/changes").status == 200
    assert engine.api("GET", "/containers/box/export").status == 200
    assert "Traceback" not in engine.log.read_text()


def test_environment_arguments_and_logs(engine, tmp_path):
    raw = b"\xff\xfe\x80 \xc3\x28"
    (tmp_path / "env").write_bytes(b"RAW=" + raw + b"\n")
    engine.docker(
        "run", "--name", "box", "-e", "UTF=grün\nzwei", "busybox",
        "printf", "\\377\\376\\200 \\303(\\n%s\\n", "ärger",
    )  # fmt: skip
    log = engine.api("GET", "/containers/box/logs?stdout=1").body
    # The json-file format is JSON: Docker too replaces there what is no UTF-8.
    assert log.endswith("ärger\n".encode())
    done = engine.docker("run", "--rm", "busybox", "printf", "\\377\\376\\200")
    assert os.fsencode(done.stdout) == b"\xff\xfe\x80"
    assert engine.inspect("box")["Config"]["Env"][0] == "UTF=grün\nzwei"


def test_labels_and_names_in_the_log_stay_one_line(engine):
    engine.docker("create", "--name", "box", "--label", "a=x\nlevel=error msg=forged", "busybox")
    for path in ("/containers/%0alevel=error%20forged/json", "/containers/%1b%5b2J/json",
                 "/containers/%ff%fe/json"):  # fmt: skip
        assert engine.api("GET", path).status == 404
    log = engine.log.read_text()
    assert not any(line.startswith("level=error") for line in log.splitlines())
    assert "\x1b" not in log
