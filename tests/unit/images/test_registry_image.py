"""The image `registry` is asked for by name, and made by another process."""

import sys

import pytest

from baleen.errors import FailedPrecondition, NotFound
from baleen.images.registry_image import build_registry_image, is_registry_image
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        ("registry:latest", None, True),
        ("docker.io/library/registry:2", AMD64, True),
        ("registry:3", ARM64, False),
        ("registry:2.8.3", None, False),
        ("registry", None, False),  # all tags
        ("someone/registry:2", None, False),
        ("quay.io/library/registry:2", None, False),
        ("registry@sha256:" + "0" * 64, None, False),
    ],
)
def test_which_name_it_is(name, platform, expected):
    assert is_registry_image(parse_reference(name), platform, AMD64) is expected


class GivenUp(Exception):
    pass


def give_up():
    raise GivenUp


@pytest.mark.parametrize(
    ("script", "check", "error", "text"),
    [
        ("import sys; sys.exit('no ssl here')", lambda: None, FailedPrecondition, "no ssl here"),
        ("print('x' * 9, flush=True); input()", give_up, GivenUp, None),
    ],
)
def test_what_fails_leaves_nothing(world, script, check, error, text):
    reference = parse_reference("registry:latest")
    with pytest.raises(error, match=text):
        build_registry_image(world.store, reference, check, [sys.executable, "-Ic", script])
    with pytest.raises(NotFound):
        world.store.resolve("registry")
    assert world.left_over() == []
