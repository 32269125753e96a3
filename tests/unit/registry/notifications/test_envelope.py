from __future__ import annotations

import msgspec

from baleen.oci.digest import Digest
from baleen.registry.access import ANYBODY, Actor
from baleen.registry.events import Event, EventAction
from baleen.registry.messages import Request
from baleen.registry.notifications.envelope import Source, encode_event, envelope

SOURCE = Source("host", "instance")
DIGEST = Digest("sha256:" + "0" * 64)


def event(action=EventAction.PUSH, **changes):
    request = Request(
        {
            "type": "http",
            "method": "PUT",
            "path": "/v2/a/manifests/b",
            "headers": [(b"host", b"registry:5000"), (b"user-agent", b"docker")],
            "client": ("192.0.2.1", 1),
            "state": {"request_id": "r1"},
        },
        None,
    )
    values = {
        "action": action,
        "repository": "a/b",
        "digest": DIGEST,
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "size": 7,
        "tag": "latest",
        "source": "",
        "actor": Actor("ann"),
        "request": request,
        **changes,
    }
    return Event(**values)


def document(given, url_base=""):
    return msgspec.json.decode(encode_event(given, SOURCE, url_base, 1_800_000_000.5))


def test_a_push_in_distributions_form():
    found = document(event(), "https://registry.example/")
    assert len(found.pop("id")) == 36
    assert found == {
        "timestamp": "2027-01-15T08:00:00.500000Z",
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 7,
            "length": 7,
            "digest": DIGEST,
            "repository": "a/b",
            "url": f"https://registry.example/v2/a/b/manifests/{DIGEST}",
            "tag": "latest",
        },
        "request": {
            "id": "r1",
            "addr": "192.0.2.1",
            "host": "registry:5000",
            "method": "PUT",
            "useragent": "docker",
        },
        "actor": {"name": "ann"},
        "source": {"addr": "host", "instanceID": "instance"},
    }


def test_no_url_is_made_of_what_a_client_says():
    assert "url" not in document(event())["target"]


def test_a_mount_names_its_source_and_a_blob_its_own_url():
    found = document(
        event(EventAction.MOUNT, media_type="application/octet-stream", source="c", tag=""),
        "https://r",
    )
    assert found["target"]["fromRepository"] == "c"
    assert found["target"]["url"] == f"https://r/v2/a/b/blobs/{DIGEST}"
    assert "tag" not in found["target"]


def test_a_deleted_tag_has_no_digest_and_work_of_the_registry_no_request():
    found = document(event(EventAction.DELETE, digest="", request=None, actor=ANYBODY))
    assert found["target"] == {"repository": "a/b", "tag": "latest"}
    assert found["request"] == {}
    assert found["actor"] == {}


def test_each_event_has_an_id_and_an_envelope_holds_many():
    encoded = [encode_event(event(), SOURCE, "", 0) for _ in range(2)]
    events = msgspec.json.decode(envelope(encoded))["events"]
    assert len({entry["id"] for entry in events}) == 2
