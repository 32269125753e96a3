from __future__ import annotations

import json

from baleen import api


def test_a_volume_shows_no_labels_as_null():
    shown = json.loads(api.encode(api.Volume(name="v")))
    assert (shown["Labels"], shown["Options"]) == (None, None)
    assert "UsageData" not in shown


def test_a_create_body_may_be_empty():
    assert api.decode(api.VolumeCreateRequest, b'{"Name":null}') == api.VolumeCreateRequest()


def test_a_list_without_warnings_says_null():
    assert api.encode(api.VolumeListResponse()) == b'{"Volumes":[],"Warnings":null}'
