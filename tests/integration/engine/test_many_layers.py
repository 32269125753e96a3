"""Images of more layers than a page of mount options names, and of more than the kernel stacks."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import threading

import pytest

from baleen.linux.mount import MNT_DETACH, MS_PRIVATE, MS_REC, mount, umount2
from baleen.linux.namespaces import CLONE_NEWNS, unshare
from baleen.linux.overlayfs import attach_overlay
from baleen.snapshots.overlay import LAYERS_LIMIT

pytestmark = pytest.mark.integration


def tar_of(files, modes=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), (modes or {}).get(name, 0o644)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def archive(count):
    """Return an image of busybox and `count - 1` layers with a file of their number each."""
    program = shutil.which("busybox")
    assert program
    with open(program, "rb") as file:
        layers = [tar_of({"bin/sh": file.read()}, {"bin/sh": 0o755})]
    layers += [tar_of({f"n/{n}": b"%d" % n, "top": b"%d" % n}) for n in range(1, count)]
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh", "-c", "cat /top; echo /n/*"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
    ).encode()
    row = {
        "Config": "config.json",
        "RepoTags": [f"deep:{count}"],
        "Layers": [f"{digest}.tar" for digest in digests],
    }
    files = {f"{d}.tar": layer for d, layer in zip(digests, layers, strict=True)}
    return tar_of({**files, "config.json": config, "manifest.json": json.dumps([row]).encode()})


def test_an_image_of_200_layers_runs_is_committed_and_exported(engine):
    engine.docker("load", stdin=archive(200), timeout_s=60)
    out = engine.out("run", "--name", "deep", "deep:200")
    assert out.startswith("199")
    assert len(out.split()) == 199
    engine.docker("commit", "deep", "deeper:1")
    assert engine.out("run", "--rm", "deeper:1") == out
    data = engine.api("GET", "/containers/deep/export").body
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert "n/1" in tar.getnames()


def test_more_layers_than_the_kernel_stacks_are_refused_in_words(engine):
    engine.docker("load", stdin=archive(LAYERS_LIMIT + 1), timeout_s=60)
    message = engine.fails("create", f"deep:{LAYERS_LIMIT + 1}")
    assert f"the image has {LAYERS_LIMIT + 1} layers: an overlay can have {LAYERS_LIMIT}" in message
    assert engine.out("ps", "-aq") == ""


def test_the_way_of_older_kernels_names_as_many_in_one_page(tmp_path):
    lower = []
    for number in range(LAYERS_LIMIT):
        directory = tmp_path / ("layer" * 20) / str(number)
        directory.mkdir(parents=True)
        (directory / f"f{number}").touch()
        lower.append(str(directory))
    for name in ("upper", "work", "place"):
        (tmp_path / name).mkdir()
    seen = []

    def work():
        unshare(CLONE_NEWNS)
        mount(None, "/", None, MS_PRIVATE | MS_REC)
        place = tmp_path / "place"
        attach_overlay(lower, str(tmp_path / "upper"), str(tmp_path / "work"), str(place))
        seen.append(len(list(place.iterdir())))
        umount2(str(place), MNT_DETACH)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [LAYERS_LIMIT]
