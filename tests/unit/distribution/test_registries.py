from __future__ import annotations

import pytest
from lying_registry import LyingRegistry

from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.credentials import Credentials
from baleen.errors import DataLoss, NotFound
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest


def test_a_reference_is_resolved_without_storing_anything(world):
    image = world.registry.add_image("some/image", "latest", [b"x"])
    found = world.client.resolve(world.reference())
    assert found.descriptor.digest == image.manifest
    assert world.blobs() == set()
    with pytest.raises(NotFound, match=r"manifest for .*:none not found"):
        world.client.resolve(world.reference("some/image:none"))


def test_a_config_is_read_for_those_who_only_want_to_look(world):
    image = world.registry.add_image("some/image", "latest", [b"x"])
    size = len(world.registry.blobs[image.config])
    config = Descriptor(media_type="x", digest=Digest(image.config), size=size)
    assert b'"amd64"' in world.client.blob(world.reference(), config, limit=1 << 20)
    with pytest.raises(DataLoss, match="larger than 10 bytes"):
        world.client.blob(world.reference(), config, limit=10)
    unknown = Descriptor(media_type="x", digest=Digest.of(b"?"), size=1)
    with pytest.raises(NotFound):
        world.client.blob(world.reference(), unknown, limit=10)


def test_other_settings_are_used_by_the_next_call(world):
    world.registry.add_image("some/image", "latest", [b"x"])
    with LyingRegistry() as mirror:
        mirror.add_image("some/image", "latest", [b"x"])
        world.client.resolve(world.reference())
        world.with_settings(registry_mirrors={world.registry.authority: (f"{mirror.url}/",)})
        world.client.resolve(world.reference())
        assert len(mirror.requests) == 1
    assert len(world.registry.requests) == 1


def test_a_login_asks_the_registry_that_is_named():
    from baleen.distribution.registries import Registries
    from baleen.distribution.settings import RegistrySettings

    with LyingRegistry(auth="bearer") as registry:
        client = Registries(RegistrySettings(certificates=()), None)
        found = client.login(registry.url, Credentials(username="user", password="secret"))
        assert (found.status, found.identity_token) == ("Login Succeeded", "identity")


def test_every_call_can_be_cancelled(world):
    cancel = Cancellation()
    cancel.cancel()
    calls = [
        lambda: world.client.resolve(world.reference(), cancel=cancel),
        lambda: world.client.tags(world.reference(), cancel=cancel),
        lambda: world.client.search(f"{world.registry.authority}/x", cancel=cancel),
        lambda: world.client.login(world.registry.authority, Credentials(), cancel=cancel),
    ]
    for call in calls:
        with pytest.raises(Cancelled):
            call()
    assert world.registry.requests == []
