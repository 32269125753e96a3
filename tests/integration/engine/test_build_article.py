"""The example that a first article about Docker has: a Node application on a base from a registry.

Debian's nodejs with npm is five hundred packages; a stand-in of two scripts does what the example
asks of it: `npm install` without a network, and `npm start`.
"""

from __future__ import annotations

import json

import pytest
from build_client import post, streamed, tar_of
from debian_registry import DebianRegistry

pytestmark = pytest.mark.integration

NODE = """\
#!/bin/sh
# `node FILE`: run it, as this one's language is the shell's.
exec sh "$@"
"""
NPM = """\
#!/bin/sh
set -e
case "$1" in
    install)
        mkdir -p node_modules
        for path in $(sed -n 's/.*"file:\\\\([^"]*\\\\)".*/\\\\1/p' package.json); do
            cp -r "$path" node_modules/
        done
        echo "added $(ls node_modules | wc -l) packages" ;;
    start) exec node "$(sed -n 's/.*"start": "node \\\\(.*\\\\)".*/\\\\1/p' package.json)" ;;
esac
"""
BASE = f"""\
FROM busybox
COPY --chmod=755 <<'NODE' /usr/local/bin/node
{NODE}NODE
COPY --chmod=755 <<'NPM' /usr/local/bin/npm
{NPM.replace(chr(92) * 2, chr(92))}NPM
ENV PATH=/usr/local/bin:/bin NODE_VERSION=20
CMD ["node"]
"""
APPLICATION = """\
FROM {base}
WORKDIR /app
ADD . /app
RUN npm install
EXPOSE 3000
CMD npm start
"""


@pytest.fixture
def base(engine, tmp_path):
    """A Node base that only the registry has."""
    with DebianRegistry(engine) as registry:
        name = f"{registry.authority}/library/node:20"
        (tmp_path / "base").mkdir()
        (tmp_path / "base/Dockerfile").write_text(BASE)
        engine.docker("build", "-t", name, str(tmp_path / "base"))
        engine.docker("push", name)
        engine.docker("rmi", name)
        yield name


@pytest.fixture
def application(base, tmp_path):
    top = tmp_path / "application"
    (top / "vendor/greeting").mkdir(parents=True)
    (top / "vendor/greeting/index.js").write_text("echo hello from a module\n")
    package = {
        "name": "app",
        "scripts": {"start": "node server.js"},
        "dependencies": {"greeting": "file:vendor/greeting"},
    }
    (top / "package.json").write_text(json.dumps(package, indent=1))
    (top / "server.js").write_text("echo listening; . node_modules/greeting/index.js\n")
    (top / "Dockerfile").write_text(APPLICATION.format(base=base))
    return top


def test_the_application_is_built_on_a_base_from_the_registry_and_starts(engine, base, application):
    built = engine.docker("build", "-t", "app", str(application)).stdout
    assert "Pulling from library/node" in built
    assert "added 1 packages" in built
    assert engine.out("run", "--rm", "app") == "listening\nhello from a module"
    config = json.loads(engine.out("inspect", "app"))[0]["Config"]
    assert config["WorkingDir"] == "/app"
    assert config["ExposedPorts"] == {"3000/tcp": {}}
    assert config["Cmd"] == ["/bin/sh", "-c", "npm start"]
    # A change of the application runs what stands behind ADD again, and pulls nothing.
    (application / "server.js").write_text("echo other\n")
    again = engine.docker("build", "-t", "app", str(application)).stdout
    assert "Pull" not in again
    assert again.count("Using cache") == 1
    assert engine.out("run", "--rm", "app") == "other"
    engine.out("rmi", base)


def test_a_result_is_pushed_by_its_build(engine, base, application):
    name = base.replace("node:20", "built:1")
    query = "t=" + name + "&outputs=" + "%5B%7B%22Type%22%3A%22registry%22%7D%5D"
    answer = post(engine, query, tar_of(Dockerfile=f"FROM {base}\nENV A=1\n"))
    assert "Successfully tagged" in streamed(answer)
    assert b"1: digest: sha256:" in answer.body
    engine.out("rmi", name, base)
    assert engine.docker("pull", name).returncode == 0
