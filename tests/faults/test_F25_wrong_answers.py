"""F25: a registry that resumes with wrong bytes, moves a tag, limits rates, or lets tokens expire.

The blob is begun anew, the tag of the beginning counts, Retry-After is honoured, and a new token
is had without a new pull.
"""

from __future__ import annotations

import os
import threading
import time

import pytest
from lying_registry import content, cut_at, held, status
from registry_world import AMD64

from baleen.distribution.credentials import Credentials
from baleen.distribution.progress import State
from baleen.distribution.pulling import Hooks
from baleen.errors import Unavailable

LAYER = os.urandom(1_500_000)
USER = Credentials(username="user", password="secret")


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", [LAYER, b"small"])


def pull(world, lease, *, credentials=None, **hooks):
    return world.client.pull(
        world.reference(), lease, platform=AMD64, credentials=credentials, hooks=Hooks(**hooks)
    )


def test_wrong_bytes_behind_the_resumption_begin_the_blob_anew(world, registry, image, lease):
    registry.lie("GET", image.layers[0], cut_at(600_000))
    wrong = os.urandom(len(LAYER) - 600_000)
    span = f"bytes 600000-{len(LAYER) - 1}/{len(LAYER)}"
    registry.lie("GET", image.layers[0], content(wrong, code=206, Content_Range=span))
    pull(world, lease)
    ranges = [r.headers.get("Range") for r in registry.asked("GET", image.layers[0])]
    assert ranges == [None, "bytes=600000-", None]


def test_a_tag_that_moves_meanwhile_changes_nothing(world, registry, image, lease):
    go = threading.Event()

    def moves(descriptor, manifest):
        del descriptor, manifest
        registry.add_image("some/image", "latest", [b"newer"])
        go.set()

    registry.lie("GET", image.layers[0], held(go))
    assert pull(world, lease, planned=moves).target.digest == image.manifest
    assert set(image.layers) <= world.blobs()


@pytest.mark.parametrize("path", ["/manifests/", "/blobs/"])
def test_retry_after_is_honoured(world, registry, image, lease, path):
    del image
    registry.lie("GET", path, status(429, headers={"Retry-After": "1"}))
    told = []
    begun = time.monotonic()
    pull(world, lease, progress=told.append)
    assert 1 <= time.monotonic() - begun < 10


def test_a_blob_that_has_to_wait_says_how_long(world, registry, image, lease):
    registry.lie("GET", image.layers[0], status(429, headers={"Retry-After": "1"}))
    told = []
    pull(world, lease, progress=told.append)
    assert [event.detail for event in told if event.state is State.RETRYING] == ["1"]


def test_a_limit_that_lasts_for_hours_is_an_answer(world, registry, image, lease):
    del image
    body = (
        b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}'
    )
    registry.lie("GET", "/manifests/", content(body, code=429, Retry_After="21600"))
    with pytest.raises(Unavailable, match="toomanyrequests: You have reached your pull rate limit"):
        pull(world, lease)


@pytest.mark.parametrize("credentials", [None, USER])
def test_a_token_that_expires_in_the_middle_is_renewed(world, registry, image, lease, credentials):
    registry.auth = "bearer"

    def expires(descriptor, manifest):
        del descriptor, manifest
        registry.revoke()

    pull(world, lease, planned=expires, credentials=credentials)
    assert set(image.layers) <= world.blobs()
    assert len(registry.asked("GET", "/token")) == 2
    assert len(registry.asked("HEAD", "/manifests/")) == 2


def test_a_token_that_expires_between_two_parts_of_a_blob_is_renewed(world, registry, image, lease):
    registry.auth = "bearer"

    def cut_and_revoke(handler):
        cut_at(600_000)(handler)
        registry.revoke()

    registry.lie("GET", image.layers[0], cut_at(0))
    registry.lies[-1].answer = cut_and_revoke
    pull(world, lease, credentials=USER)
    ranges = [r.headers.get("Range") for r in registry.asked("GET", image.layers[0])]
    assert ranges[0] is None
    assert set(ranges[1:]) == {"bytes=600000-"}
