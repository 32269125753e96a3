"""docker-py and docker-compose 1.29 build images here as they do with dockerd."""

from __future__ import annotations

import io
import os
import shutil
import subprocess

import docker
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def context(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nARG WHO\nRUN echo $WHO > /who\nCOPY f /f\n")
    (tmp_path / "f").write_text("f")
    (tmp_path / "other").write_text("x")
    (tmp_path / ".dockerignore").write_text("other\n")
    return tmp_path


@pytest.fixture
def client(engine):
    opened = engine.client()
    yield opened
    opened.close()


def test_docker_py_builds(client, context):
    image, log = client.images.build(
        path=str(context),
        tag="py:1",
        buildargs={"WHO": "me"},
        labels={"a": "b"},
        container_limits={"memory": 100 << 20, "cpushares": 100},
        extra_hosts={"host": "10.0.0.1"},
        platform="linux/amd64" if os.uname().machine == "x86_64" else None,
        rm=True,
    )
    assert image.tags == ["py:1"]
    assert image.labels == {"a": "b"}
    assert any("Step 3/4 : RUN" in line.get("stream", "") for line in log)
    assert client.containers.run("py:1", "cat /who", remove=True) == b"me\n"


def test_docker_py_gets_the_error(client):
    with pytest.raises(docker.errors.BuildError) as caught:
        client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 4\n"))
    assert "returned a non-zero code: 4" in str(caught.value)
    assert list(caught.value.build_log)  # read to its end, which closes the connection
    with pytest.raises(docker.errors.APIError, match="unknown instruction"):
        client.images.build(fileobj=io.BytesIO(b"NONE busybox\n"))


def test_docker_py_prunes(client, context):
    client.images.build(path=str(context), tag="py:2")
    client.images.remove("py:2")
    assert client.api.prune_builds()["CachesDeleted"]
    usage = client.df()
    assert not (usage.get("BuildCacheUsage") or {}).get("TotalCount")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is missing")
@pytest.mark.parametrize("by_cli", ["0", "1"])
def test_compose_builds(engine, context, by_cli):
    (context / "docker-compose.yml").write_text(
        'version: "3.7"\nservices:\n  web:\n    image: composed:1\n    build:\n      context: .\n'
        "      args: {WHO: compose}\n  plain:\n    build: .\n"
    )
    done = subprocess.run(
        ["docker-compose", "-p", "bl", "build"],
        cwd=context,
        env={
            **engine.environment(),
            "COMPOSE_DOCKER_CLI_BUILD": by_cli,
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_API_VERSION": "auto",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert engine.out("run", "--rm", "composed:1", "cat", "/who") == "compose"
    assert "bl_plain" in engine.out("images")
