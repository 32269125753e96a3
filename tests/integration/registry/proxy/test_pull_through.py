"""The pull-through cache before Debian's docker-registry, with skopeo as the client."""

from __future__ import annotations

import json
import re

import pytest
from registry_served import docker_registry, htpasswd, image_layout, pull, push, serve, skopeo

pytestmark = pytest.mark.integration


def test_an_image_is_fetched_once_and_outlives_its_upstream(tmp_path):
    layout = image_layout(tmp_path / "image", b"x" * 3_000_000)
    with docker_registry(tmp_path / "upstream") as upstream:
        assert push(layout, upstream.address, "library/a:1")[0] == 0
        proxy = {"remoteurl": upstream.url, "tagttl": "1s"}
        with serve(tmp_path / "cache", proxy=proxy) as cache:
            for number in range(2):
                code, said = pull(cache.address, "library/a:1", tmp_path / f"out{number}")
                assert code == 0, said
            code, said = skopeo(
                "list-tags", "--tls-verify=false", f"docker://{cache.address}/library/a"
            )
            assert json.loads(said)["Tags"] == ["1"]
            assert push(layout, cache.address, "library/b:1")[0] != 0
            code, said = skopeo(
                "delete", "--tls-verify=false", f"docker://{cache.address}/library/a:1"
            )
            assert code != 0
            upstream.stop()
            code, said = pull(cache.address, "library/a:1", tmp_path / "after")
            assert code == 0, said
            assert pull(cache.address, "library/none:1", tmp_path / "none")[0] != 0
        gets = re.findall(r"GET /v2/library/a/blobs/sha256:\w+", upstream.log)
        assert len(set(gets)) == 2


def test_what_a_login_opens_is_for_whom_our_own_rights_say(tmp_path):
    layout = image_layout(tmp_path / "image")
    people = htpasswd(tmp_path / "upstream-people", robot="secret")
    (tmp_path / "policy.yml").write_text(
        json.dumps({"rules": [{"repositories": ["team/*"], "users": ["ann"], "actions": ["pull"]}]})
    )
    auth = {
        "htpasswd": {"path": htpasswd(tmp_path / "people", ann="secret", bob="geheim")},
        "policy": str(tmp_path / "policy.yml"),
    }
    upstream_auth = {"htpasswd": {"realm": "up", "path": people}}
    with docker_registry(tmp_path / "upstream", auth=upstream_auth) as upstream:
        assert push(layout, upstream.address, "team/a:1", "robot:secret")[0] == 0
        proxy = {"remoteurl": upstream.url, "username": "robot", "password": "secret"}
        with serve(tmp_path / "cache", proxy=proxy, auth=auth) as cache:
            code, said = pull(cache.address, "team/a:1", tmp_path / "ann", "ann:secret")
            assert code == 0, said
            for creds in ("bob:geheim", None, "robot:secret"):
                assert pull(cache.address, "team/a:1", tmp_path / "other", creds)[0] != 0
        with serve(tmp_path / "open", proxy=proxy) as cache:
            code, said = pull(cache.address, "team/a:1", tmp_path / "nobody")
            assert code != 0
            assert "everybody" in said or "denied" in said
        proxy["shareprivate"] = True
        with serve(tmp_path / "shared", proxy=proxy) as cache:
            assert pull(cache.address, "team/a:1", tmp_path / "all")[0] == 0
