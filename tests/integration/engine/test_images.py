"""images, inspect, history, tag, rmi, save, load, import."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

pytestmark = pytest.mark.integration


def test_the_embedded_images_are_listed(engine):
    names = engine.out("images", "--format", "{{.Repository}}:{{.Tag}}").split("\n")
    assert {"busybox:latest", "hello-world:latest"} <= set(names)


def test_inspect_and_history(engine):
    found = json.loads(engine.out("image", "inspect", "busybox"))[0]
    assert found["Id"].startswith("sha256:")
    assert "busybox:latest" in found["RepoTags"]
    assert (found["Os"], found["RootFS"]["Type"]) == ("linux", "layers")
    assert found["Config"]["Cmd"]
    assert engine.out("history", "-q", "busybox")


def test_tag_and_untag(engine):
    before = engine.out("inspect", "-f", "{{.Id}}", "busybox")
    engine.docker("tag", "busybox", "mine/box:1.0")
    assert engine.out("inspect", "-f", "{{.Id}}", "mine/box:1.0") == before
    assert engine.out("run", "--rm", "mine/box:1.0", "echo", "x") == "x"
    assert "Untagged: mine/box:1.0" in engine.out("rmi", "mine/box:1.0")
    assert "No such image: mine/box:1.0" in engine.fails("image", "inspect", "mine/box:1.0")
    assert "invalid" in engine.fails("tag", "busybox", "UPPER").lower()


def test_an_image_in_use_is_not_removed(engine):
    engine.docker("tag", "hello-world", "temp:1")
    engine.docker("create", "--name", "cc", "temp:1")
    engine.docker("tag", "busybox", "other:1")
    engine.docker("run", "-d", "--name", "rr", "other:1", "sleep", "1000")
    assert "No such image" in engine.fails("rmi", "nosuch:1")
    engine.docker("rmi", "temp:1")  # a second name: only the name goes
    assert engine.out("ps", "-a", "--filter", "name=^/cc$", "--format", "{{.Image}}") != ""


def test_save_and_load_give_the_same_image(engine, tmp_path):
    path = str(tmp_path / "b.tar")
    engine.docker("tag", "busybox", "saved:1")
    before = engine.out("inspect", "-f", "{{.Id}}", "saved:1")
    engine.docker("save", "-o", path, "saved:1")
    with tarfile.open(path) as tar:
        assert {"manifest.json", "index.json", "oci-layout"} <= set(tar.getnames())
    engine.docker("rmi", "saved:1")
    assert "Loaded image: saved:1" in engine.out("load", "-i", path)
    assert engine.out("inspect", "-f", "{{.Id}}", "saved:1") == before
    assert engine.out("run", "--rm", "saved:1", "echo", "y") == "y"


def test_import_of_a_tar(engine):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("note")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    image_id = engine.out(
        "import", "--change", 'CMD ["/bin/x"]', "-", "made:1", stdin=data.getvalue()
    )
    assert image_id.startswith("sha256:")
    assert json.loads(engine.out("inspect", "made:1"))[0]["Config"]["Cmd"] == ["/bin/x"]
    container_id = engine.out("create", "made:1")
    engine.docker("cp", f"{container_id}:/note", "/dev/null", check=False)


@pytest.mark.parametrize("data", [b"", b"not a tar", b"\0" * 2000, b"\x1f\x8b\x08garbage"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(engine, data):
    before = engine.out("images", "-aq")
    done = engine.docker("load", check=False, stdin=data)
    assert done.returncode != 0 or "Loaded" not in done.stdout
    assert engine.out("images", "-aq") == before


def test_filters(engine):
    assert engine.out("images", "-q", "busybox")
    assert engine.out("images", "-q", "nosuch*") == ""
    assert (
        engine.out("images", "--filter", "reference=busy*", "--format", "{{.Repository}}")
        == "busybox"
    )
    assert "invalid filter" in engine.fails("images", "--filter", "nonsense=1")
