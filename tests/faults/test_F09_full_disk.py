"""F09, F10, F12: a data root that is full, without inodes, or with damaged blobs and layers."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
from pathlib import Path

import pytest
from attack_lab import Layer, busybox_layers, image_archive, load, load_error, put
from bed import Bed, wait_until

pytestmark = pytest.mark.integration

SIZE = 40 << 20


@pytest.fixture(params=[{"size": SIZE}])
def small(request):
    """An engine whose data root is a file system of 40 MiB, or of the given tmpfs options."""
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, mounts and cgroups are real")
    bed = Bed(Path("/tmp") / f"b{os.urandom(3).hex()}")
    bed.place.data_root.mkdir(parents=True)
    data = str(bed.place.data_root)
    options = ",".join(f"{name}={value}" for name, value in request.param.items())
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", data], check=True)
    try:
        bed.open()
        yield bed
    finally:
        bed.close()
    assert data not in Path("/proc/self/mountinfo").read_text()


def free(bed: Bed) -> int:
    found = os.statvfs(bed.place.data_root)
    return found.f_bfree * found.f_bsize


def fill(bed: Bed, leave: int = 0) -> Path:
    path = bed.place.data_root / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while free(bed) > leave:
                file.write(b"\0" * min(1 << 20, max(4096, free(bed) - leave)))
        except OSError:
            pass
    return path


def test_a_load_that_does_not_fit_frees_what_it_took(small):
    before = free(small)
    layer = Layer().file("big", os.urandom(60 << 20))
    message = load_error(small, image_archive("big:1", [bytes(layer)], {}))
    assert "no space left on device" in message
    assert small.api("GET", "/images/big:1/json").status == 404
    wait_until("the space is free again", lambda: free(small) >= before - (64 << 10))


def test_an_error_of_a_full_disk_says_where_and_how_much_is_free(small):
    layer = Layer().file("big", os.urandom(60 << 20))
    message = load_error(small, image_archive("big:1", [bytes(layer)], {}))
    found = re.search(
        r"no space left on device: (.+) to (\S+), where ([0-9]+) bytes are free", message
    )
    assert found is not None, message
    assert found[1].startswith("cannot write content")
    assert found[2] == f"{small.place.data_root}/content/ingest"
    assert int(found[3]) > 1 << 20  # what was written is free again


def test_imports_tags_and_checks_on_a_full_disk(small):
    before = {image["Id"] for image in small.api("GET", "/images/json").json()}
    ballast = fill(small)
    big = bytes(Layer().file("big", os.urandom(4 << 20)))
    done = small.docker("import", "-", "new", stdin=big, check=False)
    assert done.returncode == 1
    assert "no space left on device" in done.stderr
    for number in range(50):
        answer = small.api("POST", f"/images/busybox/tag?repo=again&tag={number}")
        assert answer.status == 201 or "no space left" in answer.message
    assert small.api("POST", "/baleen/v1/images/check").json()["Problems"] == []
    assert {image["Id"] for image in small.api("GET", "/images/json").json()} == before
    shown = small.api("GET", "/images/busybox/json").json()["RepoTags"]
    ballast.unlink()
    small.restart()
    assert small.api("GET", "/images/busybox/json").json()["RepoTags"] == shown


@pytest.mark.parametrize("small", [{"size": SIZE, "nr_inodes": 2500}], indirect=True)
def test_f10_without_inodes_it_is_said_and_given_back(small):
    def inodes() -> int:
        return os.statvfs(small.place.data_root).f_ffree

    before = inodes()
    many = Layer()
    for number in range(4000):
        many.file(f"f{number}", b"")
    message = load_error(small, image_archive("many:1", [bytes(many)], {}))
    assert "no space left on device" in message
    wait_until("the inodes are free again", lambda: inodes() >= before - 5)
    hoard = small.place.data_root / "hoard"
    hoard.mkdir()
    try:
        for number in range(4000):
            (hoard / str(number)).touch()
    except OSError:
        pass
    message = load_error(small, image_archive("one:1", [bytes(Layer().file("x", b"x"))], {}))
    assert "no space left on device" in message
    assert "no inodes are free" in message
    subprocess.run(["rm", "-rf", str(hoard)], check=True)
    load(small, image_archive("one:1", [bytes(Layer().file("x", b"x"))], {}))
    assert small.out("run", "--rm", "busybox", "echo", "well") == "well"


def test_every_call_on_a_full_disk_is_an_error_or_works(small):
    small.docker("run", "-d", "--name", "run", "busybox", "sh", "-c", _LINES)
    small.docker("create", "--name", "old", "busybox", "true")
    small.wait_for_log("run", "line")
    layers = [*busybox_layers(small), bytes(Layer().file("x"))]
    ballast = fill(small)
    for method, path, body in (
        ("POST", "/containers/create?name=new", {"Image": "busybox", "Cmd": ["true"]}),
        ("POST", "/volumes/create", {"Name": "vol"}),
        ("POST", "/networks/create", {"Name": "net"}),
        ("POST", "/containers/old/start", None),
        ("POST", "/containers/run/exec", {"Cmd": ["true"]}),
        ("POST", "/containers/old/rename?name=older", None),
    ):
        answer = small.api(method, path, body)
        assert answer.status < 600
        if answer.status >= 400:
            assert "no space left" in answer.message or "full" in answer.message, (path, answer)
    load(small, image_archive("more:1", layers, {}))
    answer = put(small, "run", "/tmp", bytes(Layer().file("big", bytes(4 << 20))))
    assert answer.status >= 400
    assert "no space left on device" in answer.message
    # The daemon and the container whose log is full go on.
    assert small.api("GET", "/containers/json").json()[0]["State"] == "running"
    assert small.docker("exec", "run", "true").returncode == 0
    assert small.process.poll() is None
    # What helps works on the full disk.
    assert small.api("POST", "/containers/prune").status == 200
    assert small.api("GET", "/containers/old/json").status == 404
    assert small.api("POST", "/containers/run/stop?t=0").status == 204
    for kind in ("images", "volumes", "networks"):
        assert small.api("POST", f"/{kind}/prune").status == 200, kind
    assert small.api("DELETE", "/containers/run?force=1").status == 204
    ballast.unlink()
    assert small.out("run", "--rm", "busybox", "echo", "well") == "well"
    small.restart()
    assert small.out("run", "--rm", "busybox", "echo", "again") == "again"


_LINES = "while :; do echo line line line line line line line line; done"


def test_f12_a_flipped_byte_is_found_on_use(engine):
    layers = [*busybox_layers(engine), bytes(Layer().file("x", b"content " * 100))]
    data = image_archive("whole:1", layers, {"Cmd": ["cat", "/x"]})
    assert load(engine, data).status == 200
    digest = engine.api("GET", "/images/whole:1/json").json()["RootFS"]["Layers"][-1]
    blob = engine.place.data_root / "content" / "blobs" / "sha256" / digest.removeprefix("sha256:")
    before = blob.read_bytes()
    blob.chmod(0o600)
    blob.write_bytes(before.replace(b"content", b"c0ntent", 1))
    # The unpacked layer is whole, so the image runs; what reads the blob finds the damage.
    with pytest.raises((http.client.HTTPException, OSError)):  # the stream breaks off
        engine.api("GET", "/images/whole:1/get")
    assert f"{digest} is corrupt" in engine.log.read_text()
    found = engine.api("POST", "/baleen/v1/images/check").json()["Problems"]
    assert found == [{"Digest": digest, "Problem": "corrupt", "Images": ["whole:1"]}]
    assert load(engine, data).status == 200  # brings it back
    assert blob.read_bytes() == before
    assert engine.api("POST", "/baleen/v1/images/check").json()["Problems"] == []
    assert engine.api("GET", "/images/whole:1/get").status == 200


def test_f12_a_layer_directory_that_is_gone_is_made_again(engine):
    layers = [*busybox_layers(engine), bytes(Layer().file("x", b"here\n"))]
    assert load(engine, image_archive("whole:1", layers, {"Cmd": ["cat", "/x"]})).status == 200
    found = [path for path in engine.place.data_root.glob("snapshots/*/*/fs/x") if path.is_file()]
    assert len(found) == 1
    engine.stop()
    subprocess.run(["rm", "-rf", str(found[0].parents[1])], check=True)
    engine.start()
    assert engine.out("run", "--rm", "whole:1") == "here"
