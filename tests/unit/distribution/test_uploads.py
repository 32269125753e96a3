from __future__ import annotations

import os

import pytest
from lying_registry import digest_of, redirect, status

from baleen.distribution import uploads as module
from baleen.distribution.answers import Unreachable
from baleen.distribution.progress import State
from baleen.distribution.uploads import Upload
from baleen.errors import DataLoss, PermissionDenied
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest

DATA = os.urandom(20_000_000)
DIGEST = digest_of(DATA)


@pytest.fixture
def blob(content, lease):
    return Descriptor(media_type="x", digest=content.put(DATA, lease), size=len(DATA))


def upload(world, blob, *mount_from):
    with world.repository(push=True) as repository:
        Upload(repository, world.content, blob, mount_from, world.cancel, world.events.append).run()


def asked(world):
    return [
        (r.method, r.path.partition("?")[0].rpartition("/")[2]) for r in world.registry.requests
    ]


def cut_upload(count):
    """Take `count` bytes of a body and hang up."""

    def answer(handler):
        handler.owner.uploads[handler.path.partition("?")[0].rpartition("/")[2]] = (
            handler.request_body[:count]
        )
        handler.close_connection = True

    return answer


def test_a_blob_is_put_in_one_piece(world, blob):
    upload(world, blob)
    assert world.registry.blobs[DIGEST] == DATA
    assert [method for method, _ in asked(world)] == ["HEAD", "POST", "PUT"]
    states = [event.state for event in world.events]
    assert states[0] is State.PUSHING
    assert states[-1] is State.PUSHED
    assert world.events[-1].current == len(DATA)


def test_a_blob_that_is_there_is_skipped(world, blob):
    world.registry.add_blob(DATA)
    upload(world, blob)
    assert asked(world) == [("HEAD", DIGEST)]
    assert [event.state for event in world.events] == [State.EXISTS]


def test_a_blob_that_is_kept_elsewhere_is_there(world, blob):
    world.registry.lie("HEAD", "blobs", redirect("https://store.example/signed-for-get-only"))
    upload(world, blob)
    assert [event.state for event in world.events] == [State.EXISTS]


def test_a_blob_of_another_repository_is_mounted(world, blob):
    world.registry.lie("HEAD", "blobs", status(404))
    world.registry.add_blob(DATA)
    upload(world, blob, "some/image", "other/image")
    (request,) = world.registry.asked("POST", "uploads")
    assert f"mount={DIGEST}&from=other/image" in request.path
    assert [(event.state, event.detail) for event in world.events] == [
        (State.MOUNTED, "other/image")
    ]


def test_a_mount_that_is_not_done_becomes_an_upload(world, blob):
    upload(world, blob, "other/image")
    assert [method for method, _ in asked(world)] == ["HEAD", "POST", "PUT"]
    assert DIGEST in world.registry.blobs


def test_a_mount_that_is_refused_is_forgotten(world, blob):
    world.registry.lie("POST", "mount=", status(405))
    upload(world, blob, "other/image")
    assert [method for method, _ in asked(world)] == ["HEAD", "POST", "POST", "PUT"]


def test_a_cut_upload_goes_on_in_chunks_from_where_it_was(world, blob):
    world.registry.lie("PUT", "uploads", cut_upload(5_000_000))
    upload(world, blob)
    assert world.registry.blobs[DIGEST] == DATA
    patches = world.registry.asked("PATCH", "uploads")
    assert [p.headers["Content-Range"] for p in patches] == [
        "5000000-13388607",
        "13388608-19999999",
    ]
    assert State.RETRYING in [event.state for event in world.events]


def test_a_lost_upload_is_begun_anew(world, blob):
    def lost(handler):
        handler.owner.uploads.clear()
        handler.close_connection = True

    world.registry.lie("PUT", "uploads", lost)
    upload(world, blob)
    assert world.registry.blobs[DIGEST] == DATA


def test_what_is_too_large_for_a_proxy_goes_in_chunks(world, blob, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 12 << 20)
    world.registry.lie("PUT", "uploads", status(413))
    world.registry.lie("PATCH", "uploads", status(413))
    upload(world, blob)
    assert world.registry.blobs[DIGEST] == DATA
    sizes = [len(r.body) for r in world.registry.asked("PATCH", "uploads")[1:]]
    assert max(sizes) == 3 << 20


def test_a_least_size_of_chunks_is_honoured(world, blob):
    world.registry.lie("PUT", "uploads", status(413))

    def demanding(handler):
        handler.owner.uploads["u"] = b""
        location = "/v2/some/image/blobs/uploads/u"
        least = str(15_000_000)
        handler.reply(202, b"", {"Location": location, "OCI-Chunk-Min-Length": least})

    upload_id = []
    world.registry.lie("POST", "uploads", lambda handler: (upload_id.append(1), handler.serve()))
    world.registry.lie("POST", "uploads", demanding)
    upload(world, blob)
    patches = world.registry.asked("PATCH", "uploads/u")
    assert [len(patch.body) for patch in patches] == [15_000_000, 5_000_000]


def test_a_failing_registry_is_tried_again(world, blob):
    world.registry.lie("PUT", "uploads", status(503))
    world.registry.lie("POST", "uploads", status(500))
    upload(world, blob)
    assert world.registry.blobs[DIGEST] == DATA


def test_a_refusal_is_final(world, blob):
    world.registry.lie("POST", "uploads", status(403))
    with pytest.raises(PermissionDenied, match="requested access to the resource is denied"):
        upload(world, blob)
    assert len(world.registry.requests) == 2


def test_a_registry_that_always_fails_is_given_up(world, blob):
    world.registry.lie("PUT", "uploads", cut_upload(0), times=99)
    world.registry.lie("PATCH", "uploads", cut_upload(0), times=99)
    with pytest.raises(Unreachable, match=r"EOF|reset|broken pipe"):
        upload(world, blob)


def test_our_own_damaged_blob_is_found_out(world, blob):
    path = world.content.path(blob.digest)
    path.write_bytes(b"x" * len(DATA))
    with pytest.raises(DataLoss, match="is corrupt"):
        upload(world, blob)


def test_a_registry_that_stores_it_under_another_name_is_not_believed(world, blob):
    other = str(Digest.of(b"other"))
    world.registry.lie("PUT", "uploads", status(201, headers={"Docker-Content-Digest": other}))
    with pytest.raises(DataLoss, match=f"stored {DIGEST} as {other}"):
        upload(world, blob)


def test_an_upload_elsewhere_takes_no_proof_along(world, blob):
    from lying_registry import LyingRegistry

    with LyingRegistry() as store:
        store.uploads["u"] = b""

        def elsewhere(handler):
            location = f"{store.url}/v2/x/blobs/uploads/u"
            handler.reply(202, b"", {"Location": location})

        world.registry.lie("POST", "uploads", elsewhere)
        upload(world, blob)
        assert store.blobs[DIGEST] == DATA
        assert all("Authorization" not in request.headers for request in store.requests)


def test_a_redirect_of_an_upload_is_not_followed(world, blob):
    world.registry.lie("POST", "uploads", redirect("https://127.0.0.1:1/x"), times=9)
    with pytest.raises(Exception, match="307"):
        upload(world, blob)
