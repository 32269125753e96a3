"""A18: `urls` of a manifest and redirects of a registry lead to places that are not theirs.

Foreign URLs are never fetched, whatever they name; a redirect takes no credentials along, and one
of a registry that is not on this machine does not lead back to it.
"""

from __future__ import annotations

import pytest
from lying_registry import LyingRegistry, digest_of, manifest_of, redirect, status
from registry_world import AMD64

from baleen.distribution.cancellation import Cancellation
from baleen.distribution.credentials import Credentials
from baleen.distribution.exchange import Exchange, Target
from baleen.distribution.hosts import endpoint_of
from baleen.errors import BaleenError, NotFound

LAYER = b"foreign layer"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.fixture
def elsewhere():
    with LyingRegistry() as registry:
        registry.add_blob(LAYER)
        yield registry


def add_foreign(registry, urls, media_type=FOREIGN):
    config = registry.add_blob(b"{}")
    document = manifest_of(config, 2, [LAYER], media_type)
    document["layers"][0]["urls"] = urls
    registry.add_manifest("some/image", "latest", document)


@pytest.mark.parametrize("media_type", [FOREIGN, "application/vnd.oci.image.layer.v1.tar"])
def test_foreign_urls_are_never_fetched(world, registry, elsewhere, lease, media_type):
    urls = [
        f"{elsewhere.url}/v2/x/blobs/{digest_of(LAYER)}",
        f"http://localhost:{elsewhere.port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
    ]
    add_foreign(registry, urls, media_type)
    with pytest.raises(NotFound, match="foreign URLs only; these are not fetched"):
        world.client.pull(world.reference(), lease, platform=AMD64)
    assert elsewhere.requests == []
    assert digest_of(LAYER) not in world.blobs()


def test_a_foreign_layer_that_the_registry_itself_has_is_pulled(world, registry, elsewhere, lease):
    add_foreign(registry, [f"{elsewhere.url}/layer"])
    registry.add_blob(LAYER)
    world.client.pull(world.reference(), lease, platform=AMD64)
    assert digest_of(LAYER) in world.blobs()
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:{port}/x", "https://localhost:{port}/x", "https://[::1]:{port}/x"],
)
def test_a_registry_of_the_outside_cannot_lead_us_to_this_machine(world, elsewhere, location):
    target = Target(endpoint_of("https://registry.example"), "/v2/a/blobs/x")
    exchange = Exchange(world.settings)

    def follow():
        onward = target.follow(location.format(port=elsewhere.port))
        exchange.send(onward, "GET", {}, Cancellation())

    with pytest.raises(BaleenError, match=r"not permitted|not followed"):
        follow()
    exchange.close()
    assert elsewhere.requests == []


def test_a_metadata_service_is_not_asked(world):
    target = Target(endpoint_of("https://registry.example"), "/v2/").follow(
        "https://169.254.169.254/latest/meta-data/"
    )
    exchange = Exchange(world.settings)
    with pytest.raises(BaleenError, match="the address is not permitted"):
        exchange.send(target, "GET", {}, Cancellation())
    exchange.close()


def test_a_redirect_takes_no_credentials_along(world, registry, elsewhere, lease):
    image = registry.add_image("some/image", "latest", [LAYER])
    registry.auth = "bearer"
    blob = f"{elsewhere.url}/v2/x/blobs/{image.layers[0]}"
    registry.lie("GET", image.layers[0], redirect(blob))
    user = Credentials(username="user", password="secret")
    world.client.pull(world.reference(), lease, platform=AMD64, credentials=user)
    assert image.layers[0] in world.blobs()
    assert len(elsewhere.requests) == 1
    assert "Authorization" not in elsewhere.requests[0].headers


def test_a_place_that_was_redirected_to_gets_no_credentials_by_asking(
    world, registry, elsewhere, lease
):
    image = registry.add_image("some/image", "latest", [LAYER])
    registry.auth = "bearer"
    elsewhere.auth = "basic"
    registry.lie("GET", image.layers[0], redirect(f"{elsewhere.url}/v2/x/blobs/y"), times=9)
    elsewhere.lie("GET", "/blobs/", status(401, headers={
        "WWW-Authenticate": f'Bearer realm="{elsewhere.url}/token"'}), times=9)  # fmt: skip
    user = Credentials(username="user", password="secret")
    with pytest.raises(BaleenError):
        world.client.pull(world.reference(), lease, platform=AMD64, credentials=user)
    assert all("Authorization" not in request.headers for request in elsewhere.requests)
    assert elsewhere.asked("GET", "/token") == []
