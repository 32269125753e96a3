from __future__ import annotations

import pytest
from lying_registry import OCI_MANIFEST, LyingRegistry, content, redirect, status

from baleen.distribution.answers import Unreachable
from baleen.distribution.credentials import Credentials
from baleen.distribution.repository import addresses_of
from baleen.errors import DataLoss, InvalidArgument, NotFound, Unauthorized, Unavailable
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest


@pytest.fixture
def image(registry):
    return registry.add_image("some/image", "latest", [b"layer"])


def never(descriptor):
    del descriptor


def test_plain_http_is_found_and_kept(world, image):
    with world.repository() as repository:
        assert repository.endpoint.scheme == "https"
        found = repository.document("latest", world.cancel)
        assert found.descriptor.digest == image.manifest
        assert repository.endpoint.url == world.registry.url


def test_a_secure_registry_is_not_asked_in_plain_http(world, image):
    del image
    with world.repository(secure=True) as repository:
        repository._endpoints = repository._endpoints[:1]
        assert repository.document("latest", world.cancel)
    assert world.registry.requests


def test_what_is_known_is_not_asked_for_again(world, image):
    with world.repository() as repository:
        raw = repository.document("latest", world.cancel).raw
        world.registry.requests.clear()
        seen = []

        def kept(descriptor):
            seen.append(descriptor)
            return raw

        found = repository.resolve("latest", world.cancel, kept)
        assert found.descriptor == seen[0]
        assert found.descriptor.digest == image.manifest
        assert [request.method for request in world.registry.requests] == ["HEAD"]


def test_a_head_that_says_another_digest_than_was_asked_for_is_not_believed(world, image):
    lie = {"Docker-Content-Digest": str(Digest.of(b"other")), "Content-Type": OCI_MANIFEST}
    world.registry.lie("HEAD", "manifests", status(200, headers={**lie, "Content-Length": "5"}))
    with world.repository() as repository:
        found = repository.resolve(image.manifest, world.cancel, lambda _: b"other")
        assert found.descriptor.digest == image.manifest


@pytest.mark.parametrize("answer", [status(405), status(200), content(b"", "text/html")])
def test_a_registry_without_head_is_asked_by_get(world, image, answer):
    world.registry.lie("HEAD", "manifests", answer)
    with world.repository() as repository:
        assert repository.resolve("latest", world.cancel, never).descriptor.digest == image.manifest


def test_other_content_than_was_asked_for_names_the_registry(world, image):
    world.registry.lie("GET", "manifests", content(b"{}", OCI_MANIFEST))
    with (
        world.repository() as repository,
        pytest.raises(DataLoss, match=rf"{world.registry.authority}: manifest verification"),
    ):
        repository.document(image.manifest, world.cancel)


def test_a_busy_registry_is_asked_again(world, image):
    del image
    world.registry.lie("GET", "manifests", status(503), times=2)
    world.registry.lie("GET", "manifests", status(429, headers={"Retry-After": "0"}))
    with world.repository() as repository:
        assert repository.document("latest", world.cancel)
    assert len(world.registry.asked("GET", "manifests")) == 4


def test_a_registry_that_stays_broken_is_given_up(world, image):
    del image
    world.registry.lie("GET", "manifests", status(500), times=100)
    with (
        world.repository() as repository,
        pytest.raises(Unavailable, match="received unexpected HTTP status: 500"),
    ):
        repository.document("latest", world.cancel)
    assert len(world.registry.asked("GET", "manifests")) == 5


def test_nobody_there_is_said_at_once(world, image):
    del image
    world.registry.server.close_all()
    with LyingRegistry() as gone:
        pass
    world.registry.port = gone.port
    with world.repository() as repository:
        words = rf'Get "http://127\.0\.0\.1:{gone.port}/v2/some/image/manifests/latest": dial tcp'
        with pytest.raises(Unreachable, match=words):
            repository.document("latest", world.cancel)
    world.registry.port = world.registry.server.server_address[1]


def test_a_mirror_that_fails_is_left_for_the_registry(world, image):
    with LyingRegistry() as mirror:
        domain = world.registry.authority
        mirrors = {domain: ("http://127.0.0.1:1/", f"{mirror.url}/")}
        world.with_settings(registry_mirrors=mirrors)
        with world.repository() as repository:
            assert repository.document("latest", world.cancel).descriptor.digest == image.manifest
            assert repository.endpoint.authority == domain
        assert mirror.asked("GET", "manifests/latest")


def test_a_mirror_that_has_it_is_enough(world, image):
    with LyingRegistry() as mirror:
        mirror.add_image("some/image", "latest", [b"layer"])
        world.with_settings(registry_mirrors={world.registry.authority: (f"{mirror.url}/",)})
        with world.repository() as repository:
            assert repository.document("latest", world.cancel).descriptor.digest == image.manifest
            assert repository.endpoint.mirror
    assert world.registry.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "manifest for {r}/some/image:none not found: manifest unknown: manifest unknown"),
        (status(403), ("pull access denied for {r}/some/image, repository does not exist or may "
         "require 'docker login': denied: requested access to the resource is denied")),
        (content(b'{"errors":[{"code":"NAME_UNKNOWN"}]}', code=404),
         ("repository {r}/some/image not found: name unknown: "
         "repository name not known to registry")),
    ],
)  # fmt: skip
def test_errors_are_explained_in_dockers_words(world, answer, words):
    if answer is not None:
        world.registry.lie("GET", "manifests", answer)
    with world.repository("some/image:none") as repository:
        with pytest.raises(Exception, match=r"denied|unknown") as caught:
            repository.document("none", world.cancel)
        explained = repository.explain(caught.value)
        assert type(explained) is NotFound
        assert explained.message == words.format(r=world.registry.authority)


def test_missing_credentials_are_said_with_the_url(world, image):
    del image
    world.registry.auth = "basic"
    with (
        world.repository() as repository,
        pytest.raises(Unauthorized, match=r'Get "http://.*": no basic auth credentials'),
    ):
        repository.document("latest", world.cancel)
    credentials = Credentials(username="user", password="secret")
    with world.repository(credentials=credentials) as repository:
        assert repository.document("latest", world.cancel)


def test_credentials_do_not_follow_a_redirect(world):
    world.registry.auth = "basic"
    with LyingRegistry() as store:
        digest = store.add_blob(b"data")
        world.registry.lie("GET", "/blobs/", status(401, headers={
            "WWW-Authenticate": "Basic realm=x"}))  # fmt: skip
        world.registry.lie("GET", "/blobs/", redirect(f"{store.url}/v2/a/blobs/{digest}"))
        credentials = Credentials(username="user", password="secret")
        blob = Descriptor(media_type="x", digest=Digest(digest), size=4)
        with world.repository(credentials=credentials) as repository:
            assert repository.small_blob(blob, world.cancel) == b"data"
        assert "Authorization" in world.registry.requests[1].headers
        assert "Authorization" not in store.requests[0].headers


def test_a_small_blob_is_verified(world):
    digest = world.registry.add_blob(b"data")
    world.registry.lie("GET", "/blobs/", content(b"lies"))
    blob = Descriptor(media_type="x", digest=Digest(digest), size=4)
    with world.repository() as repository, pytest.raises(DataLoss, match="has other content"):
        repository.small_blob(blob, world.cancel)


def test_an_answer_that_is_neither_success_nor_refusal_is_an_error(world):
    world.registry.lie("GET", "manifests", status(204), times=9)
    with world.repository() as repository, pytest.raises(Unavailable, match="204"):
        repository.document("latest", world.cancel)


def test_a_schema_1_manifest_is_refused(world):
    world.registry.add_manifest("some/image", "old", {"schemaVersion": 1}, "application/json")
    with world.repository() as repository, pytest.raises(InvalidArgument, match="schema 1"):
        repository.document("old", world.cancel)


def test_addresses_that_cannot_be_had_are_none(world):
    world.with_settings(https_proxy="http://127.0.0.1:1")
    assert addresses_of(world.settings, world.cancel, "reg.example") == []
    world.with_settings()
    assert "127.0.0.1" in addresses_of(world.settings, world.cancel, "localhost")
