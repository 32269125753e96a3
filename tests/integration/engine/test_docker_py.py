"""docker-py, the library that testcontainers and many scripts stand on."""

from __future__ import annotations

import gc
import warnings

import docker.errors
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def client(engine):
    client = engine.client()
    yield client
    client.close()
    # docker-py leaves the sockets of its streams to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_ping_version_info(client):
    assert client.ping() is True
    assert client.version()["ApiVersion"] == "1.55"
    assert client.info()["OSType"] == "linux"


def test_run_returns_the_output(client):
    assert client.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"


def test_run_raises_with_the_code_and_stderr(client):
    with pytest.raises(docker.errors.ContainerError) as caught:
        client.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert caught.value.exit_status == 3
    assert b"bad" in caught.value.stderr


def test_life_of_a_container(client):
    container = client.containers.run(
        "busybox", ["sleep", "1000"], detach=True, name="py", labels={"a": "b"}
    )
    assert [found.name for found in client.containers.list(filters={"label": "a=b"})] == ["py"]
    container.reload()
    assert container.status == "running"
    assert container.top()["Processes"]
    assert container.stats(stream=False)["pids_stats"]["current"] == 1
    container.pause()
    container.unpause()
    container.rename("py2")
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137
    container.restart(timeout=0)
    container.kill()
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("py2")


def test_logs_stream_line_by_line(client):
    container = client.containers.run("busybox", ["seq", "3"], detach=True)
    container.wait()
    assert list(container.logs(stream=True)) == [b"1\n", b"2\n", b"3\n"]
    assert container.logs(tail=1) == b"3\n"


def test_exec(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    code, output = container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 5"], demux=True)
    assert (code, output) == (5, (b"out\n", b"err\n"))
    _, sock = container.exec_run(["cat"], stdin=True, socket=True)
    raw = sock._sock
    raw.sendall(b"through\n")
    raw.shutdown(1)
    data = b""
    while chunk := raw.recv(4096):
        data += chunk
    sock.close()
    assert data[8:] == b"through\n"


def test_archives(client):
    import io
    import tarfile

    container = client.containers.create("busybox", ["true"])
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        info = tarfile.TarInfo("put")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    assert container.put_archive("/", data.getvalue())
    stream, stat = container.get_archive("/put")
    assert stat["size"] == 3
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        assert tar.extractfile("put").read() == b"abc"


def test_images_networks_volumes(client):
    image = client.images.get("busybox")
    assert image.tag("py/box", "1")
    client.images.remove("py/box:1")
    network = client.networks.create("pynet", driver="bridge")
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True, network="pynet")
    network.reload()
    assert [member.id for member in network.containers] == [container.id]
    network.disconnect(container)
    container.remove(force=True)
    network.remove()
    volume = client.volumes.create("pyvol", labels={"x": "y"})
    assert client.volumes.get("pyvol").attrs["Labels"] == {"x": "y"}
    volume.remove()


def test_events(client):
    events = client.events(decode=True, filters={"event": "create"})
    container = client.containers.create("busybox", ["true"])
    event = next(events)
    events.close()
    assert event["Actor"]["ID"] == container.id


def test_attached_socket(client):
    container = client.containers.create("busybox", ["cat"], stdin_open=True, tty=False)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    raw = sock._sock
    raw.sendall(b"x" * 1000)
    raw.shutdown(1)
    data = b""
    while chunk := raw.recv(65536):
        data += chunk
    sock.close()
    assert data.count(b"x") == 1000
    assert container.wait()["StatusCode"] == 0


@pytest.mark.parametrize("made_with_tty", [True, False])
@pytest.mark.parametrize("started_with_tty", [True, False])
def test_an_exec_is_framed_as_its_start_says(client, made_with_tty, started_with_tty):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    made = client.api.exec_create(container.id, ["echo", "text"], tty=made_with_tty)
    out, _ = client.api.exec_start(made["Id"], tty=started_with_tty, demux=True)
    if started_with_tty and not made_with_tty:
        assert out.endswith(b"text\n")
    else:
        assert out == (b"text\r\n" if made_with_tty else b"text\n")


def test_an_exec_without_streams_is_waited_for(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    result = container.exec_run(["sh", "-c", "sleep 0.2; exit 3"], stdout=False, stderr=False)
    assert (result.exit_code, result.output) == (3, b"")


def test_attaching_to_nothing_is_an_empty_stream(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    assert container.attach() == b""


def test_detach_keys_are_checked(client):
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    with pytest.raises(docker.errors.APIError, match="invalid detach keys"):
        container.attach_socket(params={"stream": 1, "detachKeys": "nonsense"})
    with pytest.raises(docker.errors.APIError, match="invalid detach keys"):
        client.api.exec_create(container.id, "true", detach_keys="nonsense")
