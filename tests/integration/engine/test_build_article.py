"""The example that a first article about Docker has: a Node application on a base from a registry.

The base is Debian's nodejs and npm. The application's modules are vendored, a directory and a
packed one, as npm has no network here.
"""

from __future__ import annotations

import io
import json
import tarfile

import pytest
from bed import HOST_ADDRESS, wait_until
from build_client import post, streamed, tar_of
from debian_node import node_base
from debian_registry import DebianRegistry

pytestmark = pytest.mark.integration

APPLICATION = """\
FROM {base}
WORKDIR /app
ADD . /app
RUN npm install --offline
EXPOSE 3000
CMD npm start
"""
SERVER = """\
const greeting = require("greeting"), loud = require("loud");
const server = require("http").createServer((request, answer) => {
    answer.end(loud(greeting(request.url)));
});
server.listen(3000, () => console.log("listening"));
"""
GREETING = 'module.exports = (path) => "hello from node at " + path;\n'
LOUD = "module.exports = (text) => text.toUpperCase();\n"


def package(name: str, **more: object) -> str:
    return json.dumps({"name": name, "version": "1.0.0", **more}, indent=1)


@pytest.fixture
def registry(engine):
    with DebianRegistry(engine) as registry:
        yield registry


@pytest.fixture
def base(engine, registry):
    """A Node base that only the registry has."""
    name = f"{registry.authority}/library/node:18"
    engine.docker("import", "--change", 'CMD ["node"]', str(node_base()), name)
    engine.docker("push", name)
    engine.docker("rmi", name)
    return name


@pytest.fixture
def application(base, tmp_path):
    top = tmp_path / "application"
    (top / "vendor/greeting").mkdir(parents=True)
    (top / "vendor/greeting/package.json").write_text(package("greeting"))
    (top / "vendor/greeting/index.js").write_text(GREETING)
    with tarfile.open(top / "vendor/loud-1.0.0.tgz", "w:gz") as packed:
        for name, text in (("package.json", package("loud")), ("index.js", LOUD)):
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    (top / "package.json").write_text(
        package(
            "app",
            scripts={"start": "node server.js"},
            dependencies={"greeting": "file:vendor/greeting", "loud": "file:vendor/loud-1.0.0.tgz"},
        )
    )
    (top / "server.js").write_text(SERVER)
    (top / "Dockerfile").write_text(APPLICATION.format(base=base))
    return top


# Where the base has to be made first, its packages come over the network.
@pytest.mark.timeout(300)
def test_the_application_is_built_on_a_base_from_the_registry_and_serves(engine, base, application):
    built = engine.docker("build", "-t", "app", str(application)).stdout
    assert "Pulling from library/node" in built
    assert "added 2 packages" in built
    config = json.loads(engine.out("inspect", "app"))[0]["Config"]
    assert config["WorkingDir"] == "/app"
    assert config["ExposedPorts"] == {"3000/tcp": {}}
    assert config["Cmd"] == ["/bin/sh", "-c", "npm start"]

    engine.out("run", "-d", "--name", "web", "-p", "8080:3000", "app")
    engine.wait_for_log("web", "listening")
    assert engine.fetch("127.0.0.1", 8080) == "HELLO FROM NODE AT /"
    assert engine.fetch(HOST_ADDRESS, 8080, outside=True) == "HELLO FROM NODE AT /"
    # As in the article: the shell is process 1 and passes no signal on to npm.
    engine.out("stop", "-t", "1", "web")
    assert engine.state("web")["ExitCode"] == 137
    wait_until("the port is closed", lambda: engine.fetch("127.0.0.1", 8080) == "")
    engine.out("rm", "web")

    # A change of the application runs what stands behind ADD again, and pulls nothing.
    (application / "server.js").write_text("console.log(require('greeting')('all'));\n")
    again = engine.docker("build", "-t", "app", str(application)).stdout
    assert "Pull" not in again
    assert again.count("Using cache") == 1
    assert engine.out("run", "--rm", "app").endswith("\nhello from node at all")


def test_a_result_is_pushed_by_its_build(engine, registry):
    base, name = f"{registry.authority}/library/base:1", f"{registry.authority}/library/built:1"
    engine.out("tag", "busybox", base)
    engine.docker("push", base)
    engine.out("rmi", base)
    query = "t=" + name + "&outputs=" + "%5B%7B%22Type%22%3A%22registry%22%7D%5D"
    answer = post(engine, query, tar_of(Dockerfile=f"FROM {base}\nENV A=1\n"))
    assert "Successfully tagged" in streamed(answer)
    assert b"1: digest: sha256:" in answer.body
    engine.out("rmi", name, base)
    assert engine.docker("pull", name).returncode == 0
