"""`baleen` pull, push, login, logout and search against the real engine and registries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from debian_registry import DebianRegistry, lying_registry, tar_of
from lying_registry import LyingRegistry, content, held

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration


@pytest.fixture
def config(engine) -> Iterator[Path]:
    path = Path(engine.environment()["DOCKER_CONFIG"]) / "config.json"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def lying(engine) -> Iterator[LyingRegistry]:
    with lying_registry(engine) as registry:
        yield registry


def test_login_push_pull_and_logout_as_with_docker(engine, baleen, config):
    with DebianRegistry(engine, users={"me": "secret"}) as registry:
        name = f"{registry.authority}/team/x:1"
        baleen("tag", "busybox", name)
        assert b"no basic auth credentials" in baleen("push", name, code=1).stderr
        wrong = baleen("login", "-u", "me", "--password-stdin", registry.authority,
                       stdin=b"guess", code=1)  # fmt: skip
        assert b"unauthorized" in wrong.stderr
        assert not config.exists()
        done = baleen("login", "-u", "me", "--password-stdin", registry.authority, stdin=b"secret")
        assert done.stdout == b"Login Succeeded\n"
        assert b"stored unencrypted" in done.stderr
        pushed = baleen("push", name).stdout.decode()
        # What one of the two commands has written, the other one reads.
        assert (
            re.sub("Pushed", "Layer already exists", pushed) == engine.docker("push", name).stdout
        )
        assert baleen("push", "-q", name).stdout.decode() == f"{name}\n"
        baleen("rmi", name)
        pulled = baleen("pull", name).stdout.decode()
        baleen("rmi", name)
        assert pulled == engine.docker("pull", name).stdout
        baleen("rmi", name)
        assert baleen("run", "--rm", name, "echo", "there").stdout == b"there\n"
        again = baleen("login", registry.authority)
        assert b"Authenticating with existing credentials... [Username: me]" in again.stderr
        baleen("logout", registry.authority)
        assert json.loads(config.read_text())["auths"] == {}
        assert b"no basic auth credentials" in baleen("pull", name, code=1).stderr


def test_all_tags(engine, baleen):
    with DebianRegistry(engine) as registry:
        name = f"{registry.authority}/x"
        for tag in ("1", "2"):
            baleen("tag", "busybox", f"{name}:{tag}")
        baleen("push", "-a", name)
        baleen("rmi", f"{name}:1", f"{name}:2")
        out = baleen("pull", "-a", name).stdout.decode()
        assert out.endswith(f"Status: Downloaded newer image for {name}\n{name}\n")
        assert baleen("images", "-q", name).stdout.count(b"\n") == 2


def test_bars_are_drawn_on_a_terminal(engine, terminal, lying):
    import threading

    gate = threading.Event()
    image = lying.add_image("x", "1", [tar_of("a", 2_000_000)])
    lying.lie("GET", image.layers[0], held(gate))
    shown = terminal("pull", f"{lying.authority}/x:1", columns=140)
    try:
        line = image.layers[0][7:19].encode()
        shown.expect(line + b": Waiting")
        gate.set()
        shown.expect(line + b": Pull complete")
        shown.expect(b"Status: Downloaded newer image")
        assert shown.wait() == 0
    finally:
        gate.set()


def test_search_asks_the_registry_in_the_term(engine, baleen, lying):
    found = {"results": [{"name": "a/tool", "description": "Does it.", "star_count": 4,
                          "is_official": False, "is_automated": False}]}  # fmt: skip
    lying.lie("GET", "/v1/search", content(json.dumps(found).encode(), "application/json"), 9)
    lying.lie("GET", "/v1/_ping", content(b"true", "application/json"), 9)
    out = baleen("search", "--limit", "3", f"{lying.authority}/tool").stdout.decode()
    assert out.splitlines()[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert "Does it." in out
    assert engine.out("search", "--format", "{{.StarCount}}", f"{lying.authority}/tool") == "4"
    assert "n=3" in lying.asked("GET", "/v1/search")[0].path
