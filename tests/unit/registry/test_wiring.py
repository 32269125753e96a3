from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys

import bcrypt
import pytest

from baleen.errors import InvalidArgument
from baleen.registry.assembly import assemble
from baleen.registry.configuration import Tree
from baleen.registry.notifications.queue import EventQueue
from baleen.registry.settings import load_settings
from baleen.registry.wiring import Side, make_tls

BASIC = "Basic " + base64.b64encode(b"ann:secret").decode()


@pytest.fixture
def settings(tmp_path):
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"ann:{hashed}\n")

    def make(**tree):
        tree.setdefault("storage", {})["filesystem"] = {"rootdirectory": str(tmp_path / "data")}
        return load_settings(Tree(tree))

    return make


@pytest.fixture
def passwords(tmp_path):
    return {"htpasswd": {"path": str(tmp_path / "htpasswd")}}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Keep the access log out of the tests' output."""
    monkeypatch.setattr("sys.stdout.write", lambda _: None)


async def test_an_open_registry(settings, call, lifespan):
    application, _ = assemble(settings())
    async with lifespan(application):
        answer = await call(application, "GET", "/v2/")
        assert answer.status == 200
        assert answer.headers["x-request-id"]
        assert (await call(application, "GET", "/health")).json() == {"status": "ok"}
        assert (await call(application, "GET", "/token")).status == 404
        assert (await call(application, "GET", "/metrics")).status == 404


async def test_passwords(settings, passwords, call, lifespan):
    application, _ = assemble(settings(auth=passwords))
    async with lifespan(application):
        assert (await call(application, "GET", "/v2/")).status == 401
        headers = {"Authorization": BASIC}
        assert (await call(application, "GET", "/v2/", headers=headers)).status == 200
        assert (await call(application, "GET", "/health")).status == 200


async def test_tokens_of_our_own_issuer(settings, tmp_path, call, lifespan):
    issuer = {
        "realm": "https://registry.example/token",
        "service": "registry.example",
        "htpasswd": str(tmp_path / "htpasswd"),
    }
    application, _ = assemble(settings(auth={"issuer": issuer}))
    async with lifespan(application):
        challenge = (await call(application, "GET", "/v2/a/tags/list")).headers["www-authenticate"]
        assert challenge == (
            'Bearer realm="https://registry.example/token",service="registry.example"'
            ',scope="repository:a:pull"'
        )
        answer = await call(
            application,
            "GET",
            "/token",
            query="service=registry.example&scope=repository:a:pull",
            headers={"Authorization": BASIC},
        )
        headers = {"Authorization": "Bearer " + answer.json()["token"]}
        assert (await call(application, "GET", "/v2/a/tags/list", headers=headers)).status == 404
        assert (await call(application, "GET", "/v2/b/tags/list", headers=headers)).status == 401


async def test_read_only(settings, call, lifespan):
    storage = {"maintenance": {"readonly": {"enabled": "true"}}, "delete": {"enabled": "true"}}
    application, _ = assemble(settings(storage=storage))
    async with lifespan(application):
        digest = "sha256:" + "0" * 64
        for method, path in (
            ("POST", "/v2/a/blobs/uploads/"),
            ("PUT", "/v2/a/manifests/b"),
            ("DELETE", f"/v2/a/manifests/{digest}"),
        ):
            answer = await call(application, method, path)
            assert (answer.status, answer.json()["errors"][0]["code"]) == (405, "UNSUPPORTED")
        assert (await call(application, "GET", "/v2/a/tags/list")).status == 404


async def test_limits_of_addresses_and_users(settings, passwords, call, lifespan):
    limits = {
        "address": {"persecond": "0.01", "burst": "4"},
        "user": {"persecond": "0.01", "burst": "2"},
    }
    application, _ = assemble(settings(auth=passwords, ratelimit=limits))
    async with lifespan(application):
        headers = {"Authorization": BASIC}
        answers = [await call(application, "GET", "/v2/", headers=headers) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert (await call(application, "GET", "/v2/")).status == 401
        assert (await call(application, "GET", "/v2/")).status == 429
        answer = await call(application, "GET", "/v2/", headers=headers, client="192.0.2.2")
        assert answer.status == 429
        assert int(answer.headers["retry-after"]) > 0


async def test_a_cache_refuses_writes(settings, call, lifespan):
    storage = {"delete": {"enabled": "true"}}
    application, _ = assemble(settings(storage=storage, proxy={"remoteurl": "http://127.0.0.1:1"}))
    async with lifespan(application):
        digest = "sha256:" + "0" * 64
        for method, path in (
            ("POST", "/v2/a/blobs/uploads/"),
            ("DELETE", f"/v2/a/manifests/{digest}"),
            ("DELETE", "/v2/a/manifests/latest"),
        ):
            assert (await call(application, method, path)).status == 405
        assert (await call(application, "GET", "/v2/a/manifests/latest")).status == 503


async def test_events_are_queued_with_the_push(settings, call, lifespan, tmp_path):
    endpoints = [{"name": "hook", "url": "http://127.0.0.1:1/"}]
    queue = tmp_path / "queue"
    notifications = {"endpoints": endpoints, "queue": str(queue)}
    application, _ = assemble(settings(notifications=notifications))
    async with lifespan(application):
        answer = await call(application, "POST", "/v2/a/blobs/uploads/")
        path, _, query = answer.headers["location"].partition("?")
        query = f"{query}&digest=sha256:{hashlib.sha256(b'hello').hexdigest()}"
        assert (await call(application, "PUT", path, query=query, body=b"hello")).status == 201
    kept = EventQueue(queue)
    (event,) = kept.oldest("hook", 10)[1]
    kept.close()
    assert b'"action":"push"' in event


async def test_the_access_log_has_its_forms(settings, call, lifespan):
    for form, first in (("combined", "192.0.2.1 - - ["), ("json", '{"time":')):
        lines = []
        side = Side(settings(log={"accesslog": {"format": form}}), write=lines.append)
        application = side.wrap(_echo, _Contents())
        await call(application, "GET", "/v2/")
        assert lines[0].startswith(first)
        assert lines[0].endswith("\n")
    lines = []
    side = Side(settings(log={"accesslog": {"disabled": "true"}}), write=lines.append)
    await call(side.wrap(_echo, _Contents()), "GET", "/v2/")
    assert lines == []


async def _echo(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})


class _Contents:
    async def check(self):
        pass


async def test_proxies_that_are_trusted_say_who_is_behind_them(settings, call):
    side = Side(settings(http={"trustedproxies": ["192.0.2.0/24"]}), write=lambda _: None)
    answer = await call(
        side.wrap(_echo, _Contents()), "GET", "/v2/", headers={"X-Forwarded-For": "203.0.113.5"}
    )
    assert answer.body == b"203.0.113.5"


async def test_a_debug_address_that_is_taken_stops_the_start(settings, lifespan):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        application, _ = assemble(settings(http={"debug": {"addr": address}}))
        with pytest.raises(ExceptionGroup) as caught:
            async with lifespan(application):
                pass
    assert "startup.failed" in str(caught.value.exceptions[0])


def test_tls_is_a_context_of_its_section(settings):
    assert make_tls(settings()) is None
    with pytest.raises(InvalidArgument, match=r"http\.tls"):
        make_tls(settings(http={"tls": {"certificate": "/none", "key": "/none"}}))


@pytest.mark.parametrize(
    "tree",
    [
        {"auth": {"htpaswd": {"path": "x"}}},
        {"notifications": {"endpoints": [{"name": "a"}]}},
        {"ratelimit": {"user": {"persecond": "many"}}},
        {"proxy": {"remoteurl": "x"}},
    ],
)
def test_a_wrong_configuration_does_not_start(settings, tree):
    with pytest.raises(InvalidArgument):
        Side(settings(**tree))


# What an idle registry would pay for without using it: 20 MB and half a second, mostly for aiohttp
# and cryptography.
NOT_BY_DEFAULT = {
    *("aiohttp", "argparse", "attr", "bcrypt", "boto3", "botocore", "cffi", "cryptography", "jwt"),
    *("http.client", "http.server", "idna", "prometheus_client", "psycopg", "unittest", "yarl"),
    *("baleen.engine", "baleen.images", "baleen.network", "baleen.registry.auth.section"),
}
PROGRAM = """
import sys
from baleen.registry.assembly import assemble
import uvicorn
from pathlib import Path
from baleen.registry.configuration import read_tree
from baleen.registry.connection import Connection
from baleen.registry.settings import load_settings

assemble(load_settings(read_tree(Path(sys.argv[1]), {})))
print(*sorted(sys.modules))
"""


def loaded_by(tmp_path, more=""):
    config = tmp_path / "config.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'data'}}}}}"
    config.write_text(f"version: 0.1\n{storage}\n{more}\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, config], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_registry_loads_what_its_configuration_asks_for(tmp_path):
    loaded = loaded_by(tmp_path)
    assert "uvicorn" in loaded
    assert not NOT_BY_DEFAULT & loaded


def test_passwords_load_no_keys(tmp_path):
    path = tmp_path / "htpasswd"
    path.write_text("ann:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode() + "\n")
    loaded = loaded_by(tmp_path, f"auth: {{htpasswd: {{path: {path}}}}}")
    assert "bcrypt" in loaded
    assert not {"cryptography", "jwt", "aiohttp"} & loaded
