from __future__ import annotations

import json

from baleen import api


def test_a_platform_has_the_image_specs_names():
    platform = api.OCIPlatform(os="linux", architecture="arm", os_version="1", variant="v7")
    assert json.loads(api.encode(platform)) == {
        "os": "linux", "architecture": "arm", "os.version": "1", "variant": "v7",
    }  # fmt: skip


def test_an_image_and_its_removal_are_shown_as_docker_does():
    shown = json.loads(api.encode(api.ImageInspect(id="sha256:1")))
    assert shown["RootFS"] == {"Type": "layers"}
    assert "GraphDriver" not in shown
    item = api.ImageDeleteResponseItem(untagged="a:latest")
    assert api.encode([item]) == b'[{"Untagged":"a:latest"}]'


def test_progress_lines_are_camel_case_without_empty_fields():
    line = api.ProgressMessage(
        status="Loading", id="1", progress_detail=api.ProgressDetail(current=1, total=2)
    )
    assert json.loads(api.encode(line)) == {
        "status": "Loading", "id": "1", "progressDetail": {"current": 1, "total": 2},
    }  # fmt: skip
