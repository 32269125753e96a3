"""R14 (runc CVE-2026-41579): default devices made through an image's /dev that is a link."""

from __future__ import annotations

import os

import pytest
from attack_lab import Layer, canary, image, run

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("climb", ["/../../..", "", "../../../../.."])
def test_devices_are_never_made_elsewhere(engine, tmp_path, climb):
    etc = os.listdir("/etc")
    with canary(tmp_path / "canary") as host:
        layer = Layer().symlink("dev", f"{climb}{host}")
        code, _ = run(engine, "ls", "/dev/null", image=image(engine, layer))
        assert code == -1
    assert os.listdir("/etc") == etc


def test_not_in_the_images_etc_either(engine):
    layer = Layer().symlink("dev", "/etc")
    code, text = run(engine, "ls", "/etc/null", image=image(engine, layer))
    assert code == -1
    assert "/dev" in text


def test_not_in_a_volume(engine, tmp_path):
    layer = Layer().symlink("dev", "/vol")
    with canary(tmp_path / "canary") as host:
        code, _ = run(engine, "true", image=image(engine, layer), Binds=[f"{host}:/vol"])
        assert code == -1


@pytest.mark.parametrize("place", ["dev/null", "dev/pts", "dev/shm", "dev/console", "dev/mqueue"])
def test_links_inside_dev_are_covered(engine, tmp_path, place):
    """A real /dev is mounted over the image's, whatever that holds."""
    with canary(tmp_path / "canary") as host:
        layer = Layer().symlink(place, f"/../../..{host}")
        code, text = run(engine, "stat", "-c", "%F", "/dev/null", image=image(engine, layer))
        assert (code, text) == (0, "character special file\n")
