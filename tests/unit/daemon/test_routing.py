from __future__ import annotations

from types import SimpleNamespace

import pytest

from baleen.daemon.application import OPERATIONS
from baleen.daemon.routing import Operation, Router, json_response, no_content
from baleen.errors import NotFound


@pytest.fixture
def router():
    return Router(None, OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "name", "ref"),
    [
        ("GET", "/_ping", "SystemPing", ""),
        ("GET", "/containers/json", "ContainerList", ""),
        ("GET", "/containers/json/json", "ContainerInspect", "json"),
        ("POST", "/containers/create", "ContainerCreate", ""),
        ("DELETE", "/containers/a", "ContainerDelete", "a"),
        ("GET", "/containers/a/attach/ws", "ContainerAttachWebsocket", "a"),
        ("HEAD", "/containers/a/archive", "ContainerArchiveInfo", "a"),
        ("GET", "/images/json", "ImageList", ""),
        ("GET", "/images/a/json", "ImageInspect", "a"),
        ("GET", "/images/r.io:5000/a/b:c/json", "ImageInspect", "r.io:5000/a/b:c"),
        ("DELETE", "/images/a/b/json", "ImageDelete", "a/b/json"),
        ("DELETE", "/images/a", "ImageDelete", "a"),
        ("GET", "/images/a/b/get", "ImageGet", "a/b"),
        ("GET", "/images/get", "ImageGetAll", ""),
        ("POST", "/images/a/b/c/d/e/push", "ImagePush", "a/b/c/d/e"),
        ("GET", "/volumes/v", "VolumeInspect", "v"),
        ("POST", "/networks/n/connect", "NetworkConnect", "n"),
        ("GET", "/plugins/a/b/json", "PluginInspect", "a/b"),
        ("GET", "/distribution/a/b/json", "DistributionInspect", "a/b"),
    ],
)
def test_an_operation_is_found_by_method_and_path(router, method, path, name, ref):
    operation, found = router.find(method, path)
    assert (operation.name, found) == (name, ref)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "//"),
        ("GET", ""),
        ("GET", "/containers"),
        ("GET", "/containers/"),
        ("GET", "/containers/a/b/json"),
        ("GET", "/containers//json"),
        ("PUT", "/containers/json"),
        ("POST", "/_ping"),
        ("GET", "/containers/a/json/"),
        ("GET", "/v1.43/v1.43/_ping"),
        ("OPTIONS", "/containers/json"),
    ],
)
def test_anything_else_is_not_found(router, method, path):
    with pytest.raises(NotFound, match=r"^page not found$"):
        router.find(method, path)


def test_no_operation_is_there_twice():
    assert len({(o.method, o.pattern) for o in OPERATIONS}) == len(OPERATIONS)
    assert len({o.name for o in OPERATIONS}) == len(OPERATIONS)


def test_answers_take_bytes_and_values():
    assert json_response(b"[]").body == b"[]"
    assert json_response({"a": 1}, 201).body == b'{"a":1}\n'
    assert no_content().status == 204


@pytest.mark.parametrize(
    ("path", "agent", "version"),
    [
        ("/v1.55/x", "docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1", (1, 44)),
        ("/v1.38/x", "docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1", (1, 38)),
        ("/v1.55/x", "docker-compose/2.30", (1, 55)),
        ("/v1.55/x", "", (1, 55)),
        ("/x", "docker-compose/1.29.2", (1, 55)),
    ],
)
def test_compose_1_is_answered_as_its_time_was(path, agent, version):
    seen = []
    router = Router(None, [Operation("GET", "/x", "X", lambda call: seen.append(call.version))])
    router.handle(SimpleNamespace(method="GET", path=path, query="", headers={"user-agent": agent}))
    assert seen == [version]
