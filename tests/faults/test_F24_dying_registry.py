"""F24: the registry dies in the middle of a pull or push, in many ways and places.

The transfer is taken up where it was; when the client gives up, nothing is half visible, and the
second try uses what is complete.
"""

from __future__ import annotations

import os
import random

import pytest
from lying_registry import LyingRegistry, cut_at, digest_of, stall, status
from registry_world import AMD64, forget

from baleen.distribution.answers import Unreachable
from baleen.distribution.pulling import Hooks
from baleen.errors import BaleenError
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

SIZE = 2_000_000
LAYER = os.urandom(SIZE)
SMALL = b"small layer"


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", [SMALL, LAYER])


def pull(world, lease, **hooks):
    return world.client.pull(world.reference(), lease, platform=AMD64, hooks=Hooks(**hooks))


def is_whole(world, image):
    for digest in world.content.digests():
        world.content.read(digest, limit=SIZE)
    return world.blobs() == {image.manifest, image.config, *image.layers}


def points():
    """Fifty places to cut at: the ends, and anywhere between."""
    dice = random.Random(24)
    return [0, 1, 2, SIZE - 1, SIZE, *(dice.randrange(SIZE) for _ in range(45))]


def test_a_pull_survives_a_cut_at_fifty_points(world, registry, image):
    for place, point in enumerate(points()):
        registry.lie("GET", image.layers[1], cut_at(point, reset=place % 2 == 1))
        with world.content.lease() as lease:
            pull(world, lease)
            assert is_whole(world, image), point
        forget(world.content)


def test_what_came_is_not_asked_for_again(world, registry, image, lease):
    registry.lie("GET", image.layers[1], cut_at(700_000))
    registry.lie("GET", image.layers[1], cut_at(500_000))
    pull(world, lease)
    ranges = [r.headers.get("Range") for r in registry.asked("GET", image.layers[1])]
    assert ranges == [None, "bytes=700000-", "bytes=1200000-"]


@pytest.mark.parametrize(
    "lie",
    [status(500), status(502), status(504), stall(1000), stall(0), cut_at(0, reset=True)],
)
@pytest.mark.parametrize("path", ["/manifests/", "/blobs/"])
def test_whatever_fails_once_is_tried_again(world, registry, image, lease, lie, path):
    world.with_settings(stall_timeout_s=0.1)
    registry.lie("GET", path, lie)
    pull(world, lease)
    assert is_whole(world, image)


def test_giving_up_leaves_nothing_half_visible_and_the_next_try_goes_on(world, registry, image):
    registry.lie("GET", image.layers[1], cut_at(900_000))
    registry.lie("GET", image.layers[1], status(500), times=20)
    ready = []
    with world.content.lease() as lease:
        with pytest.raises(BaleenError, match="500"):
            pull(world, lease, layer_ready=lambda layer: ready.append(str(layer.digest)))
        assert ready == [image.layers[0]]
        assert world.blobs() == {image.manifest, image.config, image.layers[0]}
        registry.lies.clear()
        registry.requests.clear()
        pull(world, lease)
        assert is_whole(world, image)
    asked = [(r.path.rpartition("/")[2], r.headers.get("Range")) for r in registry.asked("GET", "")]
    assert asked == [(image.layers[1], "bytes=900000-")]


def test_a_new_daemon_goes_on_where_the_old_one_was(world, registry, image):
    registry.lie("GET", image.layers[1], cut_at(900_000))
    world.with_settings(max_download_attempts=1)
    with world.content.lease() as lease, pytest.raises(Unreachable):
        pull(world, lease)
    world.content.start()  # as a new daemon does, with the same directory
    registry.requests.clear()
    with world.content.lease() as lease:
        pull(world, lease)
        assert is_whole(world, image)
    (request,) = registry.asked("GET", image.layers[1])
    assert request.headers["Range"] == "bytes=900000-"


def test_a_registry_that_is_gone_is_an_error_in_time(world, image, lease):
    del image
    with LyingRegistry() as gone:
        world.registry.server.close_all()
        world.registry, before = gone, world.registry
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: connect: connection refused"):
        pull(world, lease)
    world.registry = before


# -- push


def hang_up_after(count):
    """Take `count` bytes of an upload, and hang up without an answer."""

    def answer(handler):
        upload = handler.path.partition("?")[0].rpartition("/")[2]
        handler.owner.uploads[upload] = (
            handler.owner.uploads.get(upload, b"") + handler.request_body[:count]
        )
        handler.close_connection = True

    return answer


@pytest.fixture
def target(world, lease):
    with LyingRegistry() as source:
        source.add_image("some/image", "latest", [SMALL, LAYER])
        world.registry, registry = source, world.registry
        found = pull(world, lease).target
        world.registry = registry
    return found


def test_a_push_survives_being_cut_at_many_points(world, registry, target):
    for point in points()[::5]:
        registry.blobs.clear()
        registry.lie("PUT", "/blobs/uploads/", hang_up_after(point))
        world.client.push(world.reference(), target)
        assert registry.blobs[digest_of(LAYER)] == LAYER
        assert registry.manifests["some/image", "latest"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
    ],
)
def test_whatever_fails_once_in_a_push_is_tried_again(world, registry, target, method, path):
    registry.lie(method, path, status(503))
    registry.lie(method, path, cut_at(0, reset=True) if method != "PUT" else hang_up_after(0))
    world.client.push(world.reference(), target)
    assert digest_of(LAYER) in registry.blobs
    assert registry.manifests["some/image", "latest"]


def test_a_push_that_is_given_up_shows_no_tag_and_the_next_one_uploads_the_rest(
    world, registry, target
):
    registry.lie("PUT", f"digest=sha256%3A{digest_of(LAYER)[7:]}", status(500), times=99)
    registry.lie("PATCH", "", status(500), times=99)
    with pytest.raises(BaleenError, match="500"):
        world.client.push(world.reference(), target)
    assert registry.manifests == {}
    assert digest_of(SMALL) in registry.blobs
    registry.lies.clear()
    registry.requests.clear()
    world.client.push(world.reference(), target)
    assert len(registry.asked("PUT", "/blobs/uploads/")) == 1
    blob = Descriptor(media_type="x", digest=Digest(digest_of(LAYER)), size=SIZE)
    assert world.client.blob(world.reference(), blob, limit=SIZE) == LAYER
