"""The client against the registry that people run: distribution's own, as Debian packages it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
from lying_registry import OCI_MANIFEST, digest_of, manifest_of
from registry_world import AMD64, fast, forget

from baleen.distribution.answers import Unreachable
from baleen.distribution.cancellation import Cancellation, Cancelled
from baleen.distribution.credentials import Credentials
from baleen.distribution.progress import State
from baleen.distribution.pulling import Hooks
from baleen.distribution.registries import Registries
from baleen.errors import NotFound, Unauthorized
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.reference import parse_reference

pytestmark = pytest.mark.integration

LAYERS = [os.urandom(12_000_000), b"small"]
USER = Credentials(username="user", password="secret")
# bcrypt of "secret", by `htpasswd -nbB`.
HTPASSWD = "user:$2y$05$XYOTDFAwXO1cDT6dnci67.EQIpgl1wf6AmNgb5CdSGZsbfmGXPmYy\n"


class DockerRegistry:
    """A `docker-registry` process on a port of its own; can be killed and started again."""

    def __init__(self, directory, port, *, auth=False):
        assert shutil.which("docker-registry"), "apt-get install docker-registry"
        self.authority = f"127.0.0.1:{port}"
        self.config = directory / "config.yml"
        self.log = directory / "log"
        login = ""
        if auth:
            (directory / "htpasswd").write_text(HTPASSWD)
            login = f"auth: {{htpasswd: {{realm: here, path: {directory}/htpasswd}}}}\n"
        self.config.write_text(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {directory}/data}}, "
            "delete: {enabled: true}}\n"
            f'http: {{addr: "{self.authority}"}}\n{login}'
        )
        self.process = None

    def start(self, client):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", str(self.config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                client.login(self.authority, USER)
            except Unreachable:
                assert time.monotonic() < deadline, self.log.read_text()
                Cancellation().wait(0.05)
            else:
                return

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(20)
            self.process = None


@pytest.fixture
def client(content):
    return Registries(fast(retry_delay_s=0.1, max_download_attempts=8), content)


@contextmanager
def serving(tmp_path, client, free_port, **options):
    registry = DockerRegistry(tmp_path, free_port, **options)
    try:
        registry.start(client)
        yield registry
    finally:
        registry.kill()


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def registry(tmp_path, client, free_port):
    with serving(tmp_path, client, free_port) as started:
        yield started


@pytest.fixture
def target(content, lease):
    config = (
        b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["%s","%s"]}}'
        % tuple(digest_of(layer).encode() for layer in LAYERS)
    )
    document = manifest_of(digest_of(config), len(config), LAYERS)
    raw = json.dumps(document).encode()
    for data in (config, raw, *LAYERS):
        content.put(data, lease)
    return Descriptor(media_type=OCI_MANIFEST, digest=Digest(digest_of(raw)), size=len(raw))


def states(events):
    return [event.state for event in events if event.state not in (State.PREPARING, State.PUSHING)]


def test_an_image_goes_there_and_comes_back(registry, client, content, target):
    reference = parse_reference(f"{registry.authority}/some/image:v1")
    events = []
    assert client.push(reference, target, progress=events.append) == target
    assert states(events) == [State.PUSHED] * 2
    events.clear()
    client.push(reference.with_tag("v2"), target, progress=events.append)
    assert states(events) == [State.EXISTS] * 2
    assert client.tags(reference) == ["v1", "v2"]
    assert client.resolve(reference).descriptor == target
    forget(content)
    with content.lease() as other:
        assert client.pull(reference, other, platform=AMD64).target == target
        for layer in LAYERS:
            assert content.read(Digest(digest_of(layer)), limit=len(layer)) == layer


def test_layers_are_mounted_from_another_repository(registry, client, target):
    client.push(parse_reference(f"{registry.authority}/first/image:v1"), target)
    events = []
    client.push(
        parse_reference(f"{registry.authority}/second/image:v1"),
        target,
        progress=events.append,
        mount_from=lambda _: ["first/image"],
    )
    assert states(events) == [State.MOUNTED] * 2


def test_what_is_not_there_is_said_in_dockers_words(registry, client, lease):
    reference = parse_reference(f"{registry.authority}/no/image:v1")
    with pytest.raises(NotFound, match="manifest unknown: manifest unknown"):
        client.pull(reference, lease, platform=AMD64)
    with pytest.raises(NotFound, match="name unknown: repository name not known to registry"):
        client.tags(reference)


def test_a_password_is_asked_for(tmp_path, client, free_port, target):
    with serving(tmp_path, client, free_port, auth=True) as registry:
        reference = parse_reference(f"{registry.authority}/some/image:v1")
        with pytest.raises(Unauthorized, match="no basic auth credentials"):
            client.push(reference, target)
        wrong = Credentials(username="user", password="wrong")
        with pytest.raises(Unauthorized, match="unauthorized: authentication required"):
            client.push(reference, target, credentials=wrong)
        with pytest.raises(Unauthorized, match="unauthorized"):
            client.login(registry.authority, wrong)
        assert client.login(registry.authority, USER).status == "Login Succeeded"
        assert client.push(reference, target, credentials=USER) == target


def test_a_registry_that_is_killed_in_the_middle_costs_only_time(registry, client, content, target):
    reference = parse_reference(f"{registry.authority}/some/image:v1")
    killed = []

    def kill_once(event):
        if event.state in (State.PUSHING, State.DOWNLOADING) and not killed and event.current:
            killed.append(event.current)
            registry.kill()
            registry.start(client)

    client.push(reference, target, progress=kill_once)
    assert killed
    killed.clear()
    forget(content)
    with content.lease() as other:
        hooks = Hooks(progress=kill_once)
        assert client.pull(reference, other, platform=AMD64, hooks=hooks).target == target
        assert content.read(Digest(digest_of(LAYERS[0])), limit=len(LAYERS[0])) == LAYERS[0]
    assert killed


def test_a_cancelled_push_ends(registry, client, target):
    reference = parse_reference(f"{registry.authority}/some/image:v1")
    cancel = Cancellation()
    with pytest.raises(Cancelled):
        client.push(reference, target, cancel=cancel, progress=lambda _: cancel.cancel())
    with pytest.raises(NotFound):
        client.resolve(reference)
