from __future__ import annotations

import msgspec

from baleen.daemon.older_views import container_view, image_list_view, image_view

IMAGE = {
    "Id": "sha256:1",
    "Config": {"Cmd": ["sh"]},
    "Size": 9,
    "Descriptor": {"digest": "sha256:1"},
}
CONTAINER_FIELDS = {"Hostname", "AttachStdin", "Tty", "Image"}
IMAGE_FIELDS = {"Env", "Volumes", "Labels", "Entrypoint", "OnBuild", "User", "WorkingDir"}


def test_the_newest_version_is_left_as_it_is():
    assert image_view(IMAGE, (1, 55)) == IMAGE
    assert image_list_view([IMAGE], (1, 51)) == [IMAGE]
    assert container_view(b"...", (1, 45)) == b"..."


def test_an_image_before_1_52_has_all_fields_of_its_configuration():
    view = image_view(IMAGE, (1, 51))
    assert view["Config"].keys() == IMAGE_FIELDS | {"Cmd"}
    assert view["Config"]["Cmd"] == ["sh"]
    assert (view["Author"], view["Comment"], view["DockerVersion"], view["Parent"]) == ("",) * 4
    assert "Descriptor" in view
    assert "ContainerConfig" not in view
    assert "Author" not in IMAGE


def test_an_image_before_1_50_has_a_container_in_its_configuration():
    assert not CONTAINER_FIELDS & image_view(IMAGE, (1, 50))["Config"].keys()
    assert image_view(IMAGE, (1, 49))["Config"].keys() > CONTAINER_FIELDS


def test_an_image_before_1_45_tells_of_the_container_it_was_made_in():
    assert "ContainerConfig" not in image_view(IMAGE, (1, 45))
    old = image_view(IMAGE, (1, 44))
    assert old["Container"] == ""
    assert (
        old["ContainerConfig"].keys()
        == image_view({**IMAGE, "Config": {}}, (1, 44))["Config"].keys()
    )
    assert "Descriptor" not in old
    assert "VirtualSize" not in old
    assert image_view(IMAGE, (1, 43))["VirtualSize"] == 9


def test_lists_of_images():
    (image,) = image_list_view([{**IMAGE, "Containers": 2}], (1, 50))
    assert (image["Containers"], "Descriptor" in image) == (-1, True)
    (image,) = image_list_view([{**IMAGE, "Containers": 2, "Manifests": []}], (1, 43))
    assert "Manifests" not in image
    assert (image["VirtualSize"], "Descriptor" in image) == (9, False)


def test_a_containers_aliases_before_1_45():
    container = {
        "Id": "a" * 64,
        "NetworkSettings": {
            "Networks": {
                "bridge": {"Aliases": None},
                "own": {"Aliases": ["web"]},
                "other": {"Aliases": None},
            }
        },
    }
    view = msgspec.json.decode(container_view(msgspec.json.encode(container), (1, 44)))
    assert {n: e["Aliases"] for n, e in view["NetworkSettings"]["Networks"].items()} == {
        "bridge": None,
        "own": ["web", "a" * 12],
        "other": ["a" * 12],
    }
