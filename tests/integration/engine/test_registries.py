"""Pull, push, login and search as people do them: the real client, and a registry from Debian."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import pytest
from bed import Bed, running, wait_until
from debian_registry import DebianRegistry, connections, in_network, lying_registry, tar_of
from lying_registry import LyingRegistry, digest_of, held, index_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.fixture
def registry(engine) -> Iterator[DebianRegistry]:
    with DebianRegistry(engine) as registry:
        yield registry


@pytest.fixture
def lying(engine) -> Iterator[LyingRegistry]:
    with lying_registry(engine) as registry:
        yield registry


@pytest.fixture
def login_file(engine) -> Iterator[Path]:
    """The client's configuration, as it was afterwards."""
    path = Path(engine.environment()["DOCKER_CONFIG"]) / "config.json"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def root(engine) -> bytes:
    """The archive of a root file system."""
    engine.docker("create", "--name", "for-export", "busybox")
    archive = engine.directory / "root.tar"
    engine.docker("export", "-o", str(archive), "for-export")
    engine.docker("rm", "for-export")
    return archive.read_bytes()


@pytest.fixture
def image(engine, root) -> str:
    """An image that nobody else has, so that its removal removes its layer."""
    engine.docker("import", "-c", "CMD sh", "-", "own:1", stdin=root)
    return "own:1"


def lines(bed: Bed, method: str, path: str, **headers: str) -> list[dict]:
    answer = bed.api(method, path, headers=headers)
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.splitlines()]


def test_push_remove_pull_run(engine, registry, image):
    name = f"{registry.authority}/team/busybox:1"
    engine.docker("tag", image, name)
    pushed = engine.out("push", name)
    digest = DIGEST.search(pushed)[0]
    layer = pushed.splitlines()[1][:12]
    assert pushed.splitlines() == [
        f"The push refers to repository [{registry.authority}/team/busybox]",
        f"{layer}: Preparing",
        f"{layer}: Pushed",
        f"1: digest: {digest} size: {re.search('size: ([0-9]+)', pushed)[1]}",
    ]
    assert engine.out("inspect", "-f", "{{index .RepoDigests 0}}", name) == (
        f"{registry.authority}/team/busybox@{digest}"
    )
    engine.docker("rmi", name, image)
    assert engine.out("pull", name).splitlines() == [
        "1: Pulling from team/busybox",
        f"{layer}: Pulling fs layer",
        *[f"{layer}: {step}" for step in
          ("Waiting", "Verifying Checksum", "Download complete", "Pull complete")],
        f"Digest: {digest}",
        f"Status: Downloaded newer image for {name}",
        name,
    ]  # fmt: skip
    assert engine.out("run", "--rm", name, "echo", "pulled") == "pulled"
    assert engine.out("pull", name).splitlines() == [
        "1: Pulling from team/busybox",
        f"Digest: {digest}",
        f"Status: Image is up to date for {name}",
        name,
    ]
    assert engine.out("pull", "-q", name) == name


def test_a_missing_image_is_pulled_by_run(engine, registry):
    name = f"{registry.authority}/x"
    engine.docker("tag", "busybox", name)
    engine.docker("push", "-q", name)
    engine.docker("rmi", name)
    done = engine.docker("run", "--rm", name, "echo", "there")
    assert done.stdout == "there\n"
    assert f"Unable to find image '{name}:latest' locally" in done.stderr
    assert f"Status: Downloaded newer image for {name}:latest" in done.stderr


def test_what_a_registry_has_is_not_sent_again(engine, registry):
    first, second = f"{registry.authority}/a/b:1", f"{registry.authority}/c:1"
    for name in (first, second):
        engine.docker("tag", "busybox", name)
    assert ": Pushed\n" in engine.docker("push", first).stdout
    assert ": Layer already exists\n" in engine.docker("push", first).stdout
    assert ": Mounted from a/b\n" in engine.docker("push", second).stdout


def test_all_tags(engine, registry, image):
    name = f"{registry.authority}/many"
    for tag in ("1", "2", "latest"):
        engine.docker("tag", image, f"{name}:{tag}")
    pushed = engine.out("push", "-a", name)
    assert [line.partition(":")[0] for line in pushed.splitlines() if "digest:" in line] == [
        "1",
        "2",
        "latest",
    ]
    engine.docker("rmi", *(f"{name}:{tag}" for tag in ("1", "2", "latest")))
    pulled = engine.out("pull", "-a", name)
    assert sorted(re.findall(r"^(\w+): Pulling from many$", pulled, re.MULTILINE)) == [
        "1",
        "2",
        "latest",
    ]
    assert pulled.splitlines()[-2:] == [f"Status: Downloaded newer image for {name}", name]
    assert sorted(engine.out("images", "--format", "{{.Tag}}", name).split()) == [
        "1",
        "2",
        "latest",
    ]


def test_a_digest_is_pulled_run_and_removed(engine, registry, image):
    name = f"{registry.authority}/x"
    engine.docker("tag", image, name)
    digest = DIGEST.search(engine.out("push", name))[0]
    engine.docker("rmi", name, image)
    pulled = engine.out("pull", f"{name}@{digest}")
    assert pulled.splitlines()[0] == f"{name}@{digest}: Pulling from x"
    assert engine.out("images", "--format", "{{.Repository}} {{.Tag}}", name) == f"{name} <none>"
    assert engine.out("run", "--rm", f"{name}@{digest}", "echo", "x") == "x"
    assert "Untagged" in engine.out("rmi", f"{name}@{digest}")
    assert engine.out("images", "-q", name) == ""


def test_what_is_not_there(engine, registry):
    name = f"{registry.authority}/none"
    assert engine.fails("pull", f"{name}:1") == (
        f"Error response from daemon: manifest for {name}:1 not found: manifest unknown: "
        "manifest unknown\n"
    )
    answer = engine.api("POST", f"/images/create?fromImage={name}&tag=1")
    assert answer.status == 404
    assert "An image does not exist locally with the tag" in engine.fails("push", f"{name}:1")
    engine.docker("tag", "busybox", f"{name}:here")
    assert f"tag does not exist: {name}:1" in engine.fails("push", f"{name}:1")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/images/create?fromImage=A", 400, "repository name (library/A)"),
        ("POST", "/images/create?fromImage=scratch&tag=1", 400, "'scratch' is a reserved name"),
        ("POST", "/images/create?fromImage=a&tag=*", 400, "invalid tag format"),
        ("POST", "/images/create?fromImage=a&tag=sha256:1", 400, "invalid checksum digest length"),
        ("POST", "/images/create?fromImage=a&tag=1&platform=a/b/c/d", 400, "invalid platform"),
        ("POST", "/images/a/push", 400, "bad parameters and missing X-Registry-Auth"),
        ("GET", "/distribution/A/json", 400, "invalid reference format"),
        ("GET", "/images/search?term=a&limit=101", 400, "limit"),
        ("GET", "/images/search?term=a&filters={%22x%22:[%221%22]}", 400, "invalid filter 'x'"),
    ],
)  # fmt: skip
def test_bad_requests_reach_no_registry(engine, method, path, status, message):
    answer = engine.api(method, path)
    assert (answer.status, message in answer.message) == (status, True), answer


def test_login_logout_and_who_may_what(engine, login_file):
    with DebianRegistry(engine, users={"me": "secret"}) as registry:
        name, server = f"{registry.authority}/x", registry.authority
        engine.docker("tag", "busybox", name)
        assert "no basic auth credentials" in engine.fails("push", name)
        wrong = engine.docker("login", "-u", "me", "--password-stdin", server,
                              stdin=b"guess", check=False)  # fmt: skip
        assert wrong.returncode == 1
        assert "unauthorized" in wrong.stderr
        assert "guess" not in wrong.stderr + engine.log_tail()
        done = engine.docker("login", "-u", "me", "--password-stdin", server, stdin=b"secret")
        assert done.stdout == "Login Succeeded\n"
        assert server in json.loads(login_file.read_text())["auths"]
        digest = DIGEST.search(engine.out("push", name))[0]
        engine.docker("rmi", name)
        engine.docker("pull", name)
        engine.docker("rmi", name)
        engine.docker("logout", server)
        assert "no basic auth credentials" in engine.fails("pull", name)
        assert engine.api("GET", f"/distribution/{name}/json").status == 401
        header = base64.urlsafe_b64encode(b'{"username":"me","password":"secret"}').decode()
        found = engine.api(
            "GET", f"/distribution/{name}/json", headers={"X-Registry-Auth": header}
        ).json()
        assert found["Descriptor"]["digest"] == digest
        assert found["Platforms"] == [{"architecture": "amd64", "os": "linux"}]
        assert engine.api("POST", "/auth", {"username": "me", "password": "secret",
                                            "serveraddress": server}).json() == {
            "Status": "Login Succeeded", "IdentityToken": ""}  # fmt: skip
        assert engine.api("POST", "/auth", {"username": "me", "password": "no",
                                            "serveraddress": server}).status == 401  # fmt: skip
        assert "secret" not in engine.log_tail(500)


def test_an_identity_token_is_kept_and_used_instead_of_the_password(engine, login_file):
    with in_network(engine):
        registry = LyingRegistry(auth="bearer", users={"me": "secret"})
        registry.__enter__()
    try:
        image = registry.add_image("x", "1", [tar_of("a")])
        server = registry.authority
        engine.docker("login", "-u", "me", "--password-stdin", server, stdin=b"secret")
        assert json.loads(login_file.read_text())["auths"][server]["identitytoken"] == "identity"
        assert f"Digest: {image.manifest}" in engine.out("pull", f"{server}/x:1")
        assert b"refresh_token=identity" in registry.asked("POST", "/token")[-1].body
    finally:
        registry.__exit__()


def test_one_platform_of_an_index_is_pushed_and_that_is_said(engine, lying, registry):
    entries = []
    for architecture in ("amd64", "arm64"):
        one = lying.add_image(
            "x", architecture, [tar_of(architecture)], platform=("linux", architecture)
        )
        entries.append((one.manifest, one.size, "linux", architecture))
    lying.add_manifest("x", "1", index_of(*entries), "application/vnd.oci.image.index.v1+json")
    engine.docker("pull", f"{lying.authority}/x:1")
    name = f"{registry.authority}/x:1"
    engine.docker("tag", f"{lying.authority}/x:1", name)
    messages = lines(engine, "POST", f"/images/{registry.authority}/x/push?tag=1",
                     **{"X-Registry-Auth": "e30="})  # fmt: skip
    told = [message["aux"] for message in messages if "aux" in message]
    assert told[0]["Digest"] == entries[0][0]
    assert told[1]["manifestPushedInsteadOfIndex"] is True
    assert told[1]["selectedManifest"]["digest"] == entries[0][0]
    platforms = engine.api("GET", f"/distribution/{name}/json").json()["Platforms"]
    assert [p["architecture"] for p in platforms] == ["amd64"]
    engine.docker("pull", "--platform", "linux/arm64", f"{lying.authority}/x:1")
    pushed = engine.out("push", name)
    assert "digest: sha256:" in pushed
    platforms = engine.api("GET", f"/distribution/{name}/json").json()["Platforms"]
    assert [p["architecture"] for p in platforms] == ["amd64", "arm64"]
    alone = engine.out("push", "--platform", "linux/arm64", name)
    assert f"digest: {entries[1][0]}" in alone


def test_docker_py_pulls_pushes_and_is_told(engine, registry):
    client = docker.DockerClient(base_url=engine.host)
    try:
        image = client.images.get("busybox")
        name = f"{registry.authority}/py"
        image.tag(name, "1")
        sent = [json.loads(line) for line in client.images.push(name, "1").splitlines()]
        assert sent[-1]["aux"]["Tag"] == "1"
        client.images.remove(f"{name}:1")
        pulled = client.images.pull(name, tag="1")
        assert pulled.tags == [f"{name}:1", "busybox:latest"]
        assert client.images.get_registry_data(f"{name}:1").id == sent[-1]["aux"]["Digest"]
        with pytest.raises(docker.errors.NotFound):
            client.images.pull(name, tag="2")
        failed = list(client.api.push(f"{name}", tag="2", stream=True, decode=True))
        assert failed[-1]["errorDetail"] == {"message": f"tag does not exist: {name}:2"}
        assert failed[-1]["error"] == f"tag does not exist: {name}:2"
    finally:
        client.close()


def test_events_tell_of_pull_and_push(engine, registry):
    name = f"{registry.authority}/x:1"
    engine.docker("tag", "busybox", name)
    engine.docker("push", name)
    engine.docker("pull", name)
    found = engine.api("GET", f"/events?since=1&until={int(time.time()) + 1}").body.splitlines()
    actors = [(event["Action"], event["Actor"]) for event in map(json.loads, found)]
    assert [(action, actor) for action, actor in actors if action in ("push", "pull")][-2:] == [
        (action, {"ID": name, "Attributes": {"name": name.removesuffix(":1")}})
        for action in ("push", "pull")
    ]


def test_the_stream_has_dockerds_messages_and_bytes(engine, lying):
    layers = [tar_of("a", 300_000), tar_of("b")]
    image = lying.add_image("some/x", "1", layers)
    messages = lines(engine, "POST", f"/images/create?fromImage={lying.authority}/some/x&tag=1")
    assert messages[0] == {"status": "Pulling from some/x", "id": "1"}
    assert messages[-2:] == [
        {"status": f"Digest: {image.manifest}"},
        {"status": f"Status: Downloaded newer image for {lying.authority}/some/x:1"},
    ]
    for layer in image.layers:
        mine = [m for m in messages if m.get("id") == layer[7:19]]
        steps = list(dict.fromkeys(m["status"] for m in mine))
        assert [s for s in steps if s not in ("Downloading", "Extracting")] == [
            "Pulling fs layer", "Waiting", "Verifying Checksum", "Download complete",
            "Pull complete"]  # fmt: skip
        assert all("progressDetail" in m for m in mine)
    (extracted,) = [m for m in messages if m.get("status") == "Extracting"][-1:]
    assert extracted["progressDetail"]["current"] == extracted["progressDetail"]["total"]
    assert extracted["progress"].startswith("[" + "=" * 50 + ">]")


def test_layers_are_unpacked_while_others_are_downloaded(engine, lying):
    import threading

    layers = [tar_of("a"), tar_of("b")]
    image = lying.add_image("x", "1", layers)
    gate = threading.Event()
    lying.lie("GET", image.layers[0], held(gate))
    client = docker.APIClient(base_url=engine.host)
    try:
        stream = client.pull(f"{lying.authority}/x", tag="1", stream=True, decode=True)
        upper = image.layers[1][7:19]
        for message in stream:  # the lower one waits behind the gate
            if (message.get("id"), message["status"]) == (upper, "Pull complete"):
                gate.set()
                break
        assert list(stream)[-1]["status"].startswith("Status: Downloaded newer image")
    finally:
        gate.set()
        client.close()


def test_the_platform_is_chosen_from_an_index(engine, lying):
    entries = []
    for architecture in ("amd64", "arm64"):
        layer = tar_of(architecture)
        one = lying.add_image("x", architecture, [layer], platform=("linux", architecture))
        entries.append((one.manifest, one.size, "linux", architecture))
    index = lying.add_manifest(
        "x", "1", index_of(*entries), "application/vnd.oci.image.index.v1+json"
    )
    name = f"{lying.authority}/x:1"
    assert f"Digest: {index}" in engine.out("pull", name)
    assert len(lying.blob_counts()) == 2  # config and layer of one platform
    engine.docker("pull", "--platform", "linux/arm64", name)
    assert len(lying.blob_counts()) == 4
    assert "no matching manifest for linux/s390x in the manifest list entries" in engine.fails(
        "pull", "--platform", "linux/s390x", name
    )
    platforms = engine.api("GET", f"/distribution/{name}/json").json()["Platforms"]
    assert [p["architecture"] for p in platforms] == ["amd64", "arm64"]
    lone = f"{lying.authority}/x:amd64"
    assert "WARNING: image with reference" in engine.out("pull", "--platform", "linux/arm64", lone)


def test_a_layer_that_is_not_what_its_image_says_leaves_nothing(engine, lying):
    layer = tar_of("a")
    image = lying.add_image("x", "1", [layer])
    config = json.loads(lying.blobs[image.config])
    config["rootfs"]["diff_ids"] = [digest_of(b"another")]
    raw = json.dumps(config).encode()
    manifest = json.loads(lying.manifests["x", "1"][1])
    manifest["config"] |= {"digest": lying.add_blob(raw), "size": len(raw)}
    lying.add_manifest("x", "1", manifest)
    name = f"{lying.authority}/x:1"
    assert "its image says" in engine.fails("pull", name)
    assert engine.out("images", "-q", name) == ""


def test_a_pull_leaves_the_daemon_small(engine, lying):
    lying.add_image("x", "1", [tar_of(name, 20_000_000) for name in "abc"])
    before = _memory(engine.pid)
    engine.docker("pull", f"{lying.authority}/x:1")
    # What was freed goes back to the kernel a moment later.
    wait_until("it is small again", lambda: _memory(engine.pid) - before < 16 << 20)


def _memory(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1]) << 10


@pytest.mark.parametrize("phase", ["manifest", "layer"])
def test_a_pull_ends_with_its_client(engine, lying, phase):
    import threading

    image = lying.add_image("x", "1", [tar_of("a")])
    gate = threading.Event()
    path = "/manifests/1" if phase == "manifest" else image.layers[0]
    lying.lie("GET", path, held(gate), times=2)
    pull = engine.popen("pull", f"{lying.authority}/x:1")
    try:
        lying.wait_asked("GET", path)
        before = set(os.listdir(f"/proc/{engine.pid}/task"))
        pull.send_signal(signal.SIGINT)
        pull.communicate(timeout=10)
        wait_until(
            "the pull's threads are gone",
            lambda: (
                not {
                    task
                    for task in set(os.listdir(f"/proc/{engine.pid}/task")) & before
                    if _thread_name(engine.pid, task).startswith(("registry", "pull", "unpack"))
                }
            ),
        )
        wait_until("no connection is left", lambda: not connections(engine, lying.port))
    finally:
        gate.set()
        pull.kill()
        pull.wait()
    assert engine.out("images", "-q", f"{lying.authority}/x") == ""


def _thread_name(pid: int, task: str) -> str:
    try:
        return Path(f"/proc/{pid}/task/{task}/comm").read_text()
    except OSError:
        return ""


# --- the daemon's settings, in a daemon of its own ------------------------------------------------


class _Configured(Bed):
    """A daemon with a configuration file."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.config = directory / "daemon.json"
        directory.mkdir(parents=True)
        self.configure()
        self.flags = [f"--config-file={self.config}"]

    def configure(self, **settings: object) -> None:
        certificates = {
            "registry-certs-dirs": [str(self.directory / "certs.d")],
            "max-download-attempts": 1,
        }
        self.config.write_text(json.dumps({**certificates, **settings}))

    def reload(self) -> None:
        count = self.log.read_text().count("configuration reloaded")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            "the daemon has reloaded",
            lambda: self.log.read_text().count("configuration reloaded") > count,
        )


@pytest.fixture(scope="module")
def configured() -> Iterator[_Configured]:
    yield from running(_Configured)


def test_certificates_of_a_registry(configured):
    with DebianRegistry(configured, tls=True, address="198.51.100.1") as registry:
        name = f"{registry.authority}/x"
        configured.docker("tag", "busybox", name)
        message = configured.fails("push", name)
        assert "certificate" in message
        assert registry.authority in message
        directory = configured.directory / "certs.d" / registry.authority
        directory.mkdir(parents=True)
        (directory / "ca.crt").write_bytes(registry.certificate.read_bytes())
        configured.docker("push", name)
        configured.docker("rmi", name)


def test_settings_are_shown_and_reloaded(configured):
    with DebianRegistry(configured, address="198.51.100.1") as registry:
        name = f"{registry.authority}/x"
        configured.docker("tag", "busybox", name)
        assert "HTTP" in configured.fails("push", name)
        mirror = f"http://{registry.authority}/"
        configured.configure(**{
            "insecure-registries": [registry.authority, "10.0.0.0/8"],
            "registry-mirrors": [mirror],
        })  # fmt: skip
        configured.reload()
        configured.docker("push", name)
        shown = configured.api("GET", "/info").json()
        assert shown["IndexServerAddress"] == "https://index.docker.io/v1/"
        config = shown["RegistryConfig"]
        assert config["Mirrors"] == config["IndexConfigs"]["docker.io"]["Mirrors"] == [mirror]
        assert config["IndexConfigs"][registry.authority]["Secure"] is False
        assert set(config["InsecureRegistryCIDRs"]) == {"10.0.0.0/8", "127.0.0.0/8", "::1/128"}
        # Docker Hub cannot be reached from here: what is pulled comes from the mirror.
        configured.docker("tag", "busybox", f"{registry.authority}/library/mirrored:1")
        configured.docker("push", f"{registry.authority}/library/mirrored:1")
        assert "docker.io/library/mirrored:1" in configured.out("pull", "mirrored:1")
        assert configured.out("images", "-q", "mirrored:1")
        configured.configure()
        configured.reload()
        assert configured.api("GET", "/info").json()["RegistryConfig"]["Mirrors"] == []
        configured.docker("rmi", "mirrored:1", name)
