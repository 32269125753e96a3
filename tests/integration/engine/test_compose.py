"""docker-compose 1.29, a client of an API version of its time, on a project of two services."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from bed import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs docker-compose 1.29"),
]

PROJECT = """\
version: "3.8"
services:
  web:
    image: busybox
    command: sh -c "mkdir /www; echo page > /www/index.html; exec httpd -f -p 80 -h /www"
    ports: ["8090:80"]
    networks: [front]
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  client:
    image: busybox
    command: sh -c "until wget -qO- http://web/; do sleep 0.1; done; sleep 1000"
    depends_on: [web]
    networks: {front: {aliases: [cl]}}
    volumes: ["data:/data:ro"]
    environment: {KEY: value}
networks: {front: {driver: bridge, ipam: {config: [{subnet: 10.77.0.0/24}]}}}
volumes: {data: {}}
"""


@pytest.fixture
def compose(engine, tmp_path):
    file = tmp_path / "docker-compose.yml"
    file.write_text(PROJECT)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["docker-compose", "--project-name", "proj", "--file", str(file), *arguments],
            capture_output=True,
            text=True,
            env=engine.environment(),
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_a_project_goes_up_and_down(engine, compose):
    assert "done" in compose("up", "-d")
    assert "proj_web_1" in compose("ps")
    wait_until("the page in the log", lambda: "page" in compose("logs", "--no-color", "client"))
    assert compose("exec", "-T", "client", "sh", "-c", "echo $KEY") == "value\n"
    assert compose("port", "web", "80") == "0.0.0.0:8090\n"
    assert engine.fetch("127.0.0.1", 8090) == "page\n"
    # A network that it thinks the container has left under its id would be joined anew.
    old = engine.inspect("proj_client_1")["NetworkSettings"]["Networks"]["proj_front"]["EndpointID"]
    assert compose("up", "-d").count("is up-to-date") == 2
    new = engine.inspect("proj_client_1")["NetworkSettings"]["Networks"]["proj_front"]["EndpointID"]
    assert old == new
    compose("up", "-d", "-t", "0", "--force-recreate", "--scale", "client=2")
    assert "proj_client_2" in compose("ps")
    assert "oneshot" in compose("run", "--rm", "client", "echo", "oneshot")
    compose("down", "-v", "-t", "0")
    assert engine.out("ps", "-aq") == ""
    assert "proj" not in engine.out("network", "ls") + engine.out("volume", "ls")


def test_a_container_joins_again_what_it_has_not_left(engine, compose):
    compose("up", "-d", "web")
    compose("stop", "-t", "0", "web")
    first = engine.inspect("proj_web_1")["Id"]
    compose("up", "-d", "web")
    assert engine.inspect("proj_web_1")["Id"] == first
    compose("down", "-v", "-t", "0")
