"""A06, rootless half: device nodes of a layer are skipped, and owners that do not exist refused."""

from __future__ import annotations

import pytest
from attack_lab import Layer, image, image_archive, load_error, put, run

pytestmark = pytest.mark.integration


def nodes() -> Layer:
    layer = Layer().character("mem", 1, 1).block("disk", 8, 0).fifo("fifo").file("plain", b"kept")
    return layer.directory("dir").character("dir/null", 1, 3)


def test_nodes_of_a_layer_are_left_out(rootless):
    name = image(rootless, nodes())
    code, out = run(rootless, "sh", "-c", "ls -A / /dir; cat /plain; test -p /fifo", image=name)
    assert code == 0
    assert "kept" in out
    assert {"mem", "disk", "null"}.isdisjoint(out.split())


def test_nodes_of_a_copied_archive_are_left_out(rootless):
    rootless.docker("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    assert put(rootless, "c1", "/tmp", bytes(nodes())).status == 200
    listing = rootless.out("exec", "c1", "ls", "-A", "/tmp", "/tmp/dir").split()
    assert "fifo" in listing
    assert {"mem", "disk", "null"}.isdisjoint(listing)


def test_a_whiteout_in_disguise_is_refused(rootless):
    message = load_error(
        rootless, image_archive("attack:2", [bytes(Layer().character("x", 0, 0))], {})
    )
    assert "character device 0:0" in message


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_an_owner_that_does_not_exist_is_named(rootless, kind):
    layer = getattr(Layer(), kind)("theirs", uid=3_000_000, gid=5)
    message = load_error(rootless, image_archive("attack:3", [bytes(layer)], {}))
    assert "theirs" in message
    assert "3000000:5" in message
    assert "/etc/subuid" in message or "no user or group" in message


def test_whiteouts_and_opaque_directories_hide(rootless):
    lower = Layer().directory("d").file("d/old").directory("e").file("e/old").file("gone")
    upper = Layer().file(".wh.gone", b"").directory("d").file("d/.wh..wh..opq", b"").file("d/new")
    name = image(rootless, lower, upper)
    code, out = run(rootless, "sh", "-c", "ls -A /d /e; ls /gone", image=name)
    assert code == 1
    assert out.split()[:5] == ["/d:", "new", "/e:", "old", "ls:"]
