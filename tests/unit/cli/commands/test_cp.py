from __future__ import annotations

import base64
import io
import json
import tarfile


def described(fakes, archive, *, mode, name="x", status=200):
    header = base64.b64encode(json.dumps({"name": name, "mode": mode}).encode()).decode()
    return fakes.Reply(archive, status, headers={"X-Docker-Container-Path-Stat": header})


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_a_lying_engine_writes_nothing_outside(baleen, fake, fakes, tmp_path):
    target = tmp_path / "t"
    target.mkdir()
    for name, reason in (
        ("x/../../evil", "leaves the target"),
        ("../evil", "not what was asked for"),
        (".profile", "not what was asked for"),
    ):
        data = tar((name, b"x"))
        fake.on("GET", "/containers/c/archive", described(fakes, data, mode=0o644))
        outcome = baleen("cp", "c:/x", str(target))
        assert outcome.code == 1
        assert reason in outcome.err
    assert list(target.iterdir()) == []
    assert [p.name for p in tmp_path.iterdir()] == ["t"]


def test_a_file_is_renamed_to_the_destination(baleen, fake, fakes, tmp_path):
    fake.on("GET", "/containers/c/archive", described(fakes, tar(("x", b"data")), mode=0o644))
    assert baleen("cp", "c:/d/x", str(tmp_path / "y")).code == 0
    assert (tmp_path / "y").read_bytes() == b"data"
    assert fake.last("/containers/c/archive").query == {"path": ["/d/x"]}


def test_a_file_goes_into_a_folder_of_the_container(baleen, fake, fakes, tmp_path):
    (tmp_path / "f").write_bytes(b"data")
    fake.on("HEAD", "/containers/c/archive", described(fakes, b"", mode=(1 << 31) | 0o755))
    fake.on("PUT", "/containers/c/archive", fakes.Reply())
    assert baleen("cp", "-a", str(tmp_path / "f"), "c:/d").code == 0
    request = fake.last("/containers/c/archive", "PUT")
    assert request.query == {
        "path": ["/d"],
        "noOverwriteDirNonDir": ["1"],
        "copyUIDGID": ["1"],
    }
    with tarfile.open(fileobj=io.BytesIO(request.body)) as archive:
        assert archive.getnames() == ["f"]


def test_streams_pass_through(baleen, fake, fakes):
    data = tar(("x", b"data"))
    fake.on("GET", "/containers/c/archive", described(fakes, data, mode=0o644))
    fake.on("HEAD", "/containers/c/archive", described(fakes, b"", mode=1 << 31))
    fake.on("PUT", "/containers/c/archive", fakes.Reply())
    assert baleen("cp", "c:/x", "-").out.startswith("x\0")
    assert baleen("cp", "-", "c:/d", stdin=data).code == 0
    assert fake.last("/containers/c/archive", "PUT").body == data


def test_mistakes(baleen):
    assert "at least one container" in baleen("cp", "a", "b").err
    assert "between containers" in baleen("cp", "a:/x", "b:/x").err
    assert "can not be empty" in baleen("cp", "a:", "b").err
