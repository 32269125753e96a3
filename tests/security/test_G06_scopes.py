"""G06: scopes that are read otherwise than they are written.

Attack: spaces, `*`, repeated types, names with `:`, capitals or `%2f`, more than one has; a pull
token that pushes, deletes or mounts. Must: a token holds only the cut of asked and allowed; the
registry compares exact, normalised names.
"""

from __future__ import annotations

import pytest
from token_world import access_of, world


@pytest.mark.parametrize(
    ("scope", "creds", "granted"),
    [
        (
            "repository:ann/x:pull,push,delete,admin",
            "ann:secret",
            ["repository:ann/x:delete,pull,push"],
        ),
        ("repository:ann/x:*", "ann:secret", ["repository:ann/x:delete,pull,push"]),
        ("repository:ann/x:*", "bob:geheim", []),
        ("repository:ann/x:*", None, []),
        ("repository:public/x:*", None, ["repository:public/x:pull"]),
        ("repository:shared/x:pull,push,delete", "bob:geheim", ["repository:shared/x:pull"]),
        ("repository:*:*", "ann:secret", []),
        ("*:*:*", "ann:secret", []),
        ("registry:catalog:*", "ann:secret", []),
        ("registry:ann/x:pull", "ann:secret", []),
        ("repository(plugin):ann/x:pull", "ann:secret", ["repository:ann/x:pull"]),
        ("repository:ann/x:pull repository:bob/y:pull", "ann:secret", ["repository:ann/x:pull"]),
        (
            ["repository:ann/x:pull", "repository:ann/x:push", "repository:bob/x:pull"],
            "ann:secret",
            ["repository:ann/x:pull,push"],
        ),
        ("repository:bob/x:pull,repository:ann/x:push", "ann:secret", []),
        ("repository:ANN/x:pull", "ann:secret", []),
        ("repository:ann%2fx:pull", "ann:secret", []),
        ("repository:ann/../bob/x:pull", "ann:secret", []),
        ("repository:ann//x:pull", "ann:secret", []),
        ("repository:ann/x :pull", "ann:secret", []),
        ("repository:ann/x\tpull:pull", "ann:secret", []),
        ("repository:ann/x:pull\n", "ann:secret", []),
        ("repository:registry.test/ann/x:pull", "ann:secret", []),
        ("repository:registry.test:5000/ann/x:pull", "ann:secret", []),
        ("", "ann:secret", []),
        ("::", "ann:secret", []),
    ],
)
async def test_a_token_holds_the_cut_of_asked_and_allowed(tmp_path, scope, creds, granted):
    async with world(tmp_path) as registry:
        assert access_of(await registry.token(scope, creds)) == granted


async def test_a_flood_of_scopes_is_refused(tmp_path):
    async with world(tmp_path) as registry:
        scopes = " ".join(f"repository:ann/x{number}:pull" for number in range(65))
        assert (await registry.ask(scopes, "ann:secret")).status == 400


async def test_a_pull_token_only_pulls(tmp_path):
    async with world(tmp_path) as registry:
        token = await registry.token("repository:ann/x:pull", "ann:secret")
        assert (await registry.request("GET", "/v2/ann/x/tags/list", token)).status == 404
        digest = "sha256:" + "0" * 64
        for method, path in (
            ("POST", "/v2/ann/x/blobs/uploads/"),
            ("PUT", "/v2/ann/x/manifests/latest"),
            ("DELETE", f"/v2/ann/x/manifests/{digest}"),
            ("DELETE", "/v2/ann/x/manifests/latest"),
            ("DELETE", f"/v2/ann/x/blobs/{digest}"),
            ("GET", "/v2/_catalog"),
        ):
            answer = await registry.request(method, path, token)
            assert answer.status == 401, (method, path)
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_a_push_token_deletes_nothing(tmp_path):
    async with world(tmp_path) as registry:
        token = await registry.token("repository:ann/x:pull,push", "ann:secret")
        answer = await registry.request("DELETE", "/v2/ann/x/manifests/latest", token)
        assert answer.status == 401


async def test_a_mount_needs_a_right_on_its_source(tmp_path):
    async with world(tmp_path) as registry:
        both = await registry.token(
            ["repository:ann/x:pull,push", "repository:ann/y:pull,push"], "ann:secret"
        )
        digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        answer = await registry.request("POST", "/v2/ann/x/blobs/uploads/", both)
        path, _, query = answer.headers["location"].partition("?")
        answer = await registry.request(
            "PUT", path, both, query=f"{query}&digest={digest}", body=b"hello"
        )
        assert answer.status == 201
        query = f"mount={digest}&from=ann/x"
        one = await registry.token("repository:ann/y:pull,push", "ann:secret")
        answer = await registry.request("POST", "/v2/ann/y/blobs/uploads/", one, query=query)
        assert answer.status == 202
        answer = await registry.request("POST", "/v2/ann/y/blobs/uploads/", both, query=query)
        assert answer.status == 201


@pytest.mark.parametrize("name", ["ann/X", "ann/x/../y", "ann//x", "ann/xx", "ann", "ann/x/y"])
async def test_the_registry_compares_exact_names(tmp_path, name):
    async with world(tmp_path) as registry:
        token = await registry.token("repository:ann/x:pull", "ann:secret")
        answer = await registry.request("GET", f"/v2/{name}/tags/list", token)
        (error,) = answer.json()["errors"]
        assert error["code"] in {"NAME_INVALID", "UNAUTHORIZED", "UNSUPPORTED"}
