"""A01, A03, A04, A06, A10, A19: hostile entries on every way in that the engine has.

The ways: a layer of a loaded image, an imported archive, and `cp` into a container. What each
entry does to one directory is tested in `tests/integration/archive`; here the canary is the
host's, beside the data root, and the climb is as long as the way out of it.
"""

from __future__ import annotations

import io
import tarfile

import pytest
from attack_lab import (
    Layer,
    archive,
    build,
    busybox_layers,
    canary,
    files,
    image_archive,
    load,
    put,
    run,
)

pytestmark = pytest.mark.integration

UP = "../" * 12


def ways(engine, data: bytes):
    """Bring the archive in on every way; yields the name and the answer of each."""
    layers = [*busybox_layers(engine), data]
    yield "load", load(engine, image_archive("attack:1", layers, {}))
    yield "load as base", load(engine, image_archive("attack:2", [data], {}))
    yield "import", engine.api(
        "POST", "/images/create?fromSrc=-&repo=attack&tag=3", data,
        headers={"Content-Type": "application/x-tar"},
    )  # fmt: skip
    engine.docker("create", "--name", "stopped", "busybox", "true")
    yield "cp, stopped", put(engine, "stopped", "/tmp", data)
    engine.docker("run", "-d", "--name", "running", "busybox", "sleep", "1000")
    yield "cp, running", put(engine, "running", "/tmp", data)
    copied = "FROM busybox\nCOPY . /x/\nRUN true\n"
    yield "build context", build(engine, copied, data)
    added = "FROM busybox\nADD inner /x/\nRUN true\n"
    yield "build ADD", build(engine, added, bytes(files(inner=data)))


def refused(answer) -> bool:
    return answer.status >= 400 or b'"error"' in answer.body


def climbing(target) -> dict[str, Layer]:
    host = str(target)
    return {
        "dots": Layer().file(f"{UP}{host}/evil"),
        "absolute": Layer().file(f"{host}/evil"),
        "dots inside": Layer().file(f"a/../{UP}{host}/evil"),
        "link then file": Layer().symlink("l", host).file("l/evil"),
        "climbing link": Layer().symlink("l", f"{UP}{host}").file("l/evil"),
        "link of a link": Layer().symlink("b", f"{UP}{host}").symlink("l", "b").file("l/evil"),
        "link to the root": Layer().symlink("l", "/").file(f"l{host}/evil"),
        "link of a directory": Layer().symlink("l", host).directory("l", mode=0o777),
        "through proc": Layer().symlink("l", "/proc/self/root").file(f"l{host}/evil"),
        "through proc 1": Layer().symlink("l", "/proc/1/cwd").file(f"l{host}/evil"),
        "hard link": Layer().hardlink("h", f"{UP}{host}/kept"),
        "absolute hard link": Layer().hardlink("h", f"{host}/kept"),
        "hard link by a link": Layer().symlink("l", host).hardlink("h", "l/kept").file("h"),
        "hard link to a link": Layer()
        .symlink("l", f"{host}/kept")
        .hardlink("h", "l")
        .file("h", b"evil", mode=0o777),
        "mode through a link": Layer().symlink("f", f"{host}/kept").file("f", mode=0o4777),
        "hard link and mode": Layer()
        .hardlink("h", f"{host}/kept")
        .hardlink("h", f"{host}/kept", mode=0o4777, uid=7),
        "whiteout of a parent": Layer().file(f"{UP}{host}/.wh.kept"),
        "whiteout through a link": Layer().symlink("l", host).file("l/.wh.kept"),
        "opaque through a link": Layer().symlink("l", host).file("l/.wh..wh..opq"),
        "long path": Layer().file("d/" * 1500 + f"{UP}{host}/evil"),
    }


@pytest.mark.parametrize("kind", climbing("/"))
def test_a01_a03_the_hosts_files_are_untouched_on_every_way(engine, tmp_path, kind):
    with canary(tmp_path / "canary") as host:
        data = bytes(climbing(host)[kind])
        for _, _answer in ways(engine, data):
            pass
    assert engine.api("GET", "/_ping").status == 200


@pytest.mark.parametrize("name", ["a\0b", "", "../x", "a/../../x"])
def test_a01_names_that_are_none_or_lead_out_are_refused_by_name(engine, name):
    layer = Layer().file("good")
    layer.file("x", pax_headers={"path": name}) if "\0" in name else layer.file(name)
    for way, answer in ways(engine, bytes(layer)):
        assert refused(answer), (way, answer)
        assert b"entry" in answer.body or b"name" in answer.body, (way, answer)


@pytest.mark.parametrize(
    "name", [".wh..", ".wh...", ".wh.../x", "a/.wh..", ".wh.", ".wh.x/y", "a/.wh..wh/../.wh.."]
)
def test_a04_bad_whiteouts_are_refused_with_their_name(engine, name):
    answer = load(
        engine,
        image_archive(
            "attack:1", [*busybox_layers(engine), bytes(Layer().directory("a").file(name, b""))], {}
        ),
    )
    assert refused(answer), answer
    assert b".wh." in answer.body


def test_a04_an_opaque_root_hides_what_is_below_and_nothing_else(engine):
    base = busybox_layers(engine)
    top = bytes(Layer().file(".wh..wh..opq", b"").file("only"))
    assert not refused(load(engine, image_archive("attack:1", [*base, top], {"Cmd": ["/only"]})))
    names = [name for name in export(engine, "attack:1") if "/" not in name.rstrip("/")]
    assert set(names) <= {
        ".dockerenv",
        "only",
        "dev",
        "dev/",
        "etc",
        "etc/",
        "proc",
        "proc/",
        "sys",
        "sys/",
    }
    assert run(engine, "echo", "whole")[1] == "whole\n"


def export(engine, image: str) -> list[str]:
    engine.docker("create", "--name", "box", image)
    data = engine.api("GET", "/containers/box/export").body
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_a06_nodes_arrive_but_cannot_be_used(engine):
    layer = Layer().character("mem", 1, 1).block("sda", 8, 0).fifo("pipe").character("k", 1, 11)
    layers = [*busybox_layers(engine), bytes(layer)]
    assert not refused(load(engine, image_archive("attack:1", layers, {})))
    code, text = run(
        engine, "sh", "-c",
        "stat -c %F /mem /sda /pipe; for n in mem k sda; do head -c1 /$n; done",
        image="attack:1",
    )  # fmt: skip
    assert text.startswith("character special file\nblock special file\nfifo\n"), text
    assert text.count("ermitted") == 3, text
    assert code != 0


def test_a06_the_device_that_means_a_removed_file_is_refused(engine):
    layers = [*busybox_layers(engine), bytes(Layer().character("bin/sh", 0, 0))]
    answer = load(engine, image_archive("attack:1", layers, {}))
    assert refused(answer)
    assert b"0:0" in answer.body


def test_a10_the_last_entry_wins_and_never_through_an_earlier_link(engine, tmp_path):
    with canary(tmp_path / "canary") as host:
        layer = Layer().file("x", b"1").directory("x").symlink("x", f"{host}/kept")
        layer.file("x", b"last").symlink("y", str(host)).directory("y").file("y/kept", b"in")
        layers = [*busybox_layers(engine), bytes(layer)]
        assert not refused(load(engine, image_archive("attack:1", layers, {})))
        assert run(engine, "cat", "/x", "/y/kept", image="attack:1") == (0, "lastin")


def test_a19_public_patterns_against_tarfiles_filter(engine, tmp_path):
    """CVE-2024-12718, CVE-2025-4138, 4330 and 4517: links longer than PATH_MAX, chmod by a link."""
    with canary(tmp_path / "canary") as host:
        layer, path = Layer(), ""
        component = "d" * 247
        for step in "abcdefghijklmnop":
            layer.directory(f"{path}{component}")
            layer.symlink(f"{path}{step}", component)
            path += f"{component}/"
        short = "/".join("abcdefghijklmnop")
        layer.symlink(f"{short}/{'l' * 254}", "../" * 16)
        layer.symlink("escape", f"{short}/{'l' * 254}/{UP}{host}")
        layer.hardlink("flaglink", "escape/kept").file("flaglink", b"evil")
        layer.file("escape/evil")
        for _, _answer in ways(engine, bytes(layer)):
            pass


def test_an_outer_archive_climbs_nowhere_either(engine, tmp_path):
    """The archive of `load` has paths too, and its documents name more."""
    with canary(tmp_path / "canary") as host:
        for name in (f"{UP}{host}/evil", f"blobs/sha256/{UP}{host}/evil", "blobs/../../x"):
            load(engine, archive({name: b"evil", "manifest.json": b"[]"}))
        for document in (
            f'[{{"Config":"{UP}{host}/kept","Layers":[],"RepoTags":["a:1"]}}]',
            f'[{{"Config":"{host}/kept","Layers":["/etc/passwd"],"RepoTags":["a:1"]}}]',
        ):
            assert refused(load(engine, archive({"manifest.json": document.encode()})))
