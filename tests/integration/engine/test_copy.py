"""`docker cp` in and out, running and stopped."""

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(params=["running", "stopped"])
def box(engine, request):
    engine.docker(
        "run",
        "-d",
        "--name",
        "box",
        "-v",
        "vol:/vol",
        "busybox",
        "sh",
        "-c",
        "mkdir -p /dir/sub; echo inner > /dir/f; ln -s /dir/f /link; mkfifo /fifo; sleep 1000",
    )
    engine.docker("exec", "box", "sh", "-c", "while [ ! -p /fifo ]; do sleep 0.01; done")
    if request.param == "stopped":
        engine.docker("stop", "-t", "0", "box")
    return engine


def test_file_out_and_in(box, tmp_path):
    box.docker("cp", "box:/dir/f", str(tmp_path / "f"))
    assert (tmp_path / "f").read_text() == "inner\n"
    (tmp_path / "g").write_text("outer\n")
    box.docker("cp", str(tmp_path / "g"), "box:/dir/g")
    box.docker("cp", "box:/dir/g", str(tmp_path / "h"))
    assert (tmp_path / "h").read_text() == "outer\n"


def test_directory_out_and_in(box, tmp_path):
    box.docker("cp", "box:/dir", str(tmp_path / "out"))
    assert (tmp_path / "out" / "f").read_text() == "inner\n"
    assert (tmp_path / "out" / "sub").is_dir()
    box.docker("cp", f"{tmp_path}/out/.", "box:/into-missing", check=False)
    box.docker("cp", str(tmp_path / "out"), "box:/copied")
    box.docker("cp", "box:/copied/f", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == "inner\n"


def test_stream_forms(box):
    done = box.docker("cp", "box:/dir", "-")
    with tarfile.open(fileobj=io.BytesIO(done.stdout.encode("utf-8", "surrogateescape"))) as tar:
        assert {"dir", "dir/f", "dir/sub"} <= {name.rstrip("/") for name in tar.getnames()}


def test_a_link_can_be_followed_and_never_leaves_the_container(box, tmp_path):
    box.docker("cp", "-L", "box:/link", str(tmp_path / "l"))
    assert (tmp_path / "l").read_text() == "inner\n"
    box.docker("cp", "box:/../../../../dir/f", str(tmp_path / "up"))
    assert (tmp_path / "up").read_text() == "inner\n"


def test_missing_paths(box, tmp_path):
    answer = box.api("GET", "/v1.43/containers/box/archive?path=/nosuch")
    assert answer.status == 404
    assert answer.message == "Could not find the file /nosuch in container box"
    box.fails("cp", "box:/nosuch", str(tmp_path))  # older clients have words of their own
    assert "No such container" in box.fails("cp", "nosuch:/x", str(tmp_path))


def test_a_fifo_never_blocks(box, tmp_path):
    done = box.docker("cp", "box:/fifo", "-", check=False, timeout_s=10)
    assert done.returncode in (0, 1)


def test_owner_and_mode(box, tmp_path):
    (tmp_path / "x").write_text("#!\n")
    (tmp_path / "x").chmod(0o751)
    os.chown(tmp_path / "x", 11, 22)
    box.docker("cp", str(tmp_path / "x"), "box:/x")
    box.docker("cp", "-a", str(tmp_path / "x"), "box:/y")
    done = box.docker("cp", "box:/x", "-")
    with tarfile.open(fileobj=io.BytesIO(done.stdout.encode("utf-8", "surrogateescape"))) as tar:
        info = tar.getmember("x")
    assert info.mode & 0o777 == 0o751


def test_stat_header(box):
    import base64

    answer = box.api("HEAD", "/containers/box/archive?path=/link")
    assert answer.status == 200
    stat = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
    assert stat["name"] == "link"
    assert stat["linkTarget"] == "/dir/f"
    assert box.api("HEAD", "/containers/box/archive?path=/nosuch").status == 404
    assert box.api("GET", "/containers/box/archive").status == 400


def test_an_archive_cannot_write_outside(box, tmp_path):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        link = tarfile.TarInfo("esc")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(link)
        info = tarfile.TarInfo("esc/evil")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
        up = tarfile.TarInfo("../../up")
        up.size = 2
        tar.addfile(up, io.BytesIO(b"up"))
    box.api("PUT", "/containers/box/archive?path=/dir", data.getvalue())
    assert os.listdir(tmp_path) == []
    for bad in (b"garbage", b"\x1f\x8b\x08bad", data.getvalue()[:700]):
        answer = box.api("PUT", "/containers/box/archive?path=/dir", bad)
        assert answer.status in (200, 400, 500)
    assert box.api("PUT", "/containers/box/archive?path=/nosuch", data.getvalue()).status == 404
    assert box.api("PUT", "/containers/box/archive?path=/dir/f", data.getvalue()).status == 400
