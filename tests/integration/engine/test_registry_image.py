"""`docker run registry` starts Baleen's own registry, and the real client uses it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from bed import Bed, running

pytestmark = pytest.mark.integration


def answers(engine, port):
    engine.inside(
        *("curl", "-sf", "--retry", "100", "--retry-connrefused", "--retry-delay", "0"),
        *("--max-time", "20", f"http://127.0.0.1:{port}/v2/"),
    )


def test_run_tag_push_remove_pull(engine):
    said = engine.docker("run", "-d", "-p", "5000:5000", "--name", "registry", "registry")
    assert "Made here from Baleen's own registry" in said.stdout + said.stderr
    answers(engine, 5000)
    name = "localhost:5000/team/busybox:1"
    engine.docker("tag", "busybox", name)
    engine.docker("push", name)
    digest = engine.out("inspect", "-f", "{{.Id}}", name)
    engine.docker("rmi", name)
    engine.fails("inspect", name)
    engine.docker("pull", name)
    assert engine.out("inspect", "-f", "{{.Id}}", name) == digest
    assert engine.out("run", "--rm", name, "echo", "it runs").strip() == "it runs"
    assert engine.inspect("registry")["Config"]["User"] == "65532:65532"
    told = engine.out(
        "exec", "registry", "registry", "garbage-collect", "-d", "/etc/docker/registry/config.yml"
    )
    assert told.startswith("would remove 0 blobs")
    engine.docker("stop", "registry")
    assert engine.state("registry")["ExitCode"] == 0


def test_the_same_installation_gives_the_same_image(engine):
    engine.docker("pull", "-q", "registry:2")
    first = engine.out("inspect", "-f", "{{.Id}}", "registry:2")
    assert "Image is up to date" in engine.out("pull", "registry:2")
    engine.docker("pull", "-q", "registry:3")
    assert engine.out("inspect", "-f", "{{.Id}}", "registry:3") == first


def test_all_modules_of_the_registry_are_in_it(engine):
    engine.docker("pull", "-q", "registry")
    script = (
        "import sys; sys.path.append('/usr/lib/registry')\n"
        "import importlib, pkgutil, baleen.registry\n"
        "for m in pkgutil.walk_packages(baleen.registry.__path__, 'baleen.registry.'):\n"
        "    try: importlib.import_module(m.name)\n"
        "    except ModuleNotFoundError as err: print(err.name)\n"
        "import ssl, uuid, zoneinfo; ssl.create_default_context()\n"
    )
    python = "/usr/bin/python{}.{}".format(*sys.version_info)
    missing = engine.out("run", "--rm", "--entrypoint", python, "registry", "-ISOOc", script)
    assert set(missing.split()) <= {"psycopg"}


SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("0.0.0.0", 5555, verbose=False)
server.start()
import boto3
boto3.client("s3", endpoint_url="http://127.0.0.1:5555", region_name="us-east-1",
    aws_access_key_id="a", aws_secret_access_key="b").create_bucket(Bucket="images")
print("ready", flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def bucket(engine):
    """The address of an S3 server on the bridge, which has the bucket `images`."""
    enter = ("nsenter", f"--net=/run/netns/{engine.netns}")
    with subprocess.Popen(
        [*enter, sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as server:
        assert server.stdout.readline() == b"ready\n"
        yield engine.out("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge")
        server.stdin.close()


def test_images_in_s3_by_the_variables_of_docker_s_registry(engine, bucket):
    variables = {
        "BUCKET": "images",
        "REGION": "us-east-1",
        "REGIONENDPOINT": f"http://{bucket.strip()}:5555",
        "ACCESSKEY": "a",
        "SECRETKEY": "b",
    }
    words = [f"--env=REGISTRY_STORAGE_S3_{name}={value}" for name, value in variables.items()]
    engine.docker("run", "-d", "-p", "5000:5000", "--name", "registry", *words, "registry")
    answers(engine, 5000)
    name = "localhost:5000/team/busybox:1"
    engine.docker("tag", "busybox", name)
    engine.docker("push", name)
    engine.docker("rmi", name)
    engine.docker("pull", name)
    listed = engine.inside("curl", "-s", f"http://{bucket.strip()}:5555/images?list-type=2")
    assert listed.count("blobs/sha256") >= 2


def test_a_directory_of_the_host_that_is_root_s(engine, tmp_path):
    engine.docker("pull", "-q", "registry")
    where = f"{tmp_path}:/var/lib/registry"
    said = engine.fails("run", "--rm", "-v", where, "registry")
    assert "cannot write to /var/lib/registry, which belongs to user 0" in said
    assert "--user 0:0" in said
    assert list(tmp_path.iterdir()) == []
    engine.docker(
        *("run", "-d", "--name", "as-root", "--user", "0:0", "-v", where, "-p", "5001:5001"),
        *("-e", "REGISTRY_HTTP_ADDR=:5001", "registry", "/etc/docker/registry/config.yml"),
    )
    answers(engine, 5001)
    assert (tmp_path / "registry.db").exists()


def test_it_can_be_turned_off(tmp_path):
    class Without(Bed):
        def __init__(self, directory) -> None:
            super().__init__(directory)
            self.flags = ["--own-registry=false"]

    for bed in running(Without):
        said = bed.fails("pull", "registry")
        assert "Made here" not in said
