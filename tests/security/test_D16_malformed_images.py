"""D16: a malformed image is an error of the request; what loads can be used or says why.

The documents that `load` refuses are in `tests/unit/images/test_loading.py`.
"""

from __future__ import annotations

import pytest
from attack_lab import busybox_layers, image_archive, load

pytestmark = pytest.mark.integration

CONFIGS = {
    "null": None,
    "empty": {},
    "command of null": {"Cmd": [None]},
    "command no list": {"Cmd": "sh"},
    "entrypoint empty": {"Entrypoint": [""]},
    "environment of nulls": {"Env": [None]},
    "environment odd": {"Env": ["", "=", "a", "A=\u0000", "\ud800=1"]},
    "ports odd": {"ExposedPorts": {"99999/tcp": {}, "x": {}, "": {}, "80/foo": {}}},
    "volumes odd": {"Volumes": {"": {}, "relative": {}, "/\u0000": {}, "/": {}}},
    "volumes of nulls": {"Volumes": {"/v": None}},
    "directory odd": {"WorkingDir": "\u0000"},
    "user odd": {"User": "\u0000:-1"},
    "labels of nulls": {"Labels": {"a": None}},
    "health odd": {"Healthcheck": {"Test": ["CMD"], "Interval": -1, "Timeout": 1 << 62}},
    "health unknown": {"Healthcheck": {"Test": ["NOSUCH", "x"], "Retries": -5}},
    "signal odd": {"StopSignal": "SIGNOSUCH"},
    "onbuild": {"OnBuild": [None, 1]},
    "huge label": {"Labels": {"x": "y" * 500_000}},
}
DOCUMENTS = {
    "no config": {"config": None},
    "history of nulls": {"history": [None]},
    "history empty": {"history": []},
    "history short": {"history": [{"empty_layer": True}] * 5},
    "time odd": {"created": "yesterday"},
    "time far": {"created": "99999-01-01T00:00:00Z"},
    "time null": {"created": None},
    "no os": {"os": ""},
    "foreign": {"os": "plan9", "architecture": "vax"},
    "os no text": {"os": 1},
    "type odd": {"rootfs": {"type": "tree", "diff_ids": []}},
    "nothing": {"rootfs": None, "os": None, "architecture": None},
}


def use(engine, data: bytes) -> None:
    pid = engine.pid
    answer = load(engine, data)
    assert answer.status < 500, answer
    for method, path in (
        ("GET", "/images/json?all=1"), ("GET", "/images/odd:1/json"), ("GET", "/system/df"),
        ("GET", "/images/odd:1/history"), ("GET", "/images/odd:1/get"),
    ):  # fmt: skip
        answer = engine.api(method, path)
        assert answer.status in (200, 404), (path, answer)
    made = engine.api("POST", "/containers/create", {"Image": "odd:1", "Cmd": ["true"]})
    assert made.status in (201, 400, 404), made
    if made.status == 201:
        path = f"/containers/{made.json()['Id']}"
        assert engine.api("POST", f"{path}/start").status in (204, 400, 404)
        assert engine.api("GET", f"{path}/json").status == 200
        assert engine.api("GET", "/containers/json?all=1&size=1").status == 200
        assert engine.api("DELETE", f"{path}?force=1&v=1").status == 204
    assert engine.api("DELETE", "/images/odd:1?force=1").status in (200, 404)
    assert (engine.pid, engine.process.poll()) == (pid, None)
    assert "Traceback" not in engine.log.read_text()


@pytest.mark.parametrize("kind", CONFIGS)
def test_odd_configurations(engine, kind):
    use(engine, image_archive("odd:1", busybox_layers(engine), CONFIGS[kind]))


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_odd_documents(engine, kind):
    use(engine, image_archive("odd:1", busybox_layers(engine), {}, **DOCUMENTS[kind]))
