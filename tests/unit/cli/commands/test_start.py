from __future__ import annotations

import threading

import pytest


@pytest.fixture
def container(fake, fakes):
    """A stopped container "c" of id "c1" that says what it reads, and ends with 3."""

    class Container:
        def __init__(self):
            self.started, self.ended = threading.Event(), threading.Event()
            self.order = []
            self.document = {
                "Id": "c1",
                "Config": {"OpenStdin": True, "Tty": False},
                "HostConfig": {"AutoRemove": False},
            }

        def attach(self, _request):
            self.order.append("attach")
            return fakes.Takeover(
                self.serve, media_type="application/vnd.docker.multiplexed-stream"
            )

        def serve(self, stream):
            data = b""
            while piece := stream.recv(1000):
                data += piece
            if self.started.wait(10):
                stream.sendall(fakes.frame(1, b"got " + data) + fakes.frame(2, b"err"))
            self.ended.set()

        def wait(self, _request):
            self.order.append("wait")
            return fakes.Reply({"StatusCode": 3}, gate=self.ended)

        def start(self, _request):
            self.order.append("start")
            self.started.set()
            return fakes.Reply(status=204)

    result = Container()
    fake.on("GET", "/containers/c/json", lambda _: fakes.Reply(result.document))
    fake.on("POST", "/containers/c1/attach", lambda r: result.attach(r))
    fake.on("POST", "/containers/c1/wait", lambda r: result.wait(r))
    fake.on("POST", "/containers/c1/start", lambda r: result.start(r))
    yield result
    result.started.set()
    result.ended.set()


def test_each_container_is_started(baleen, fake, fakes):
    for name in "ab":
        fake.on("POST", f"/containers/{name}/start", fakes.Reply(status=204))
    outcome = baleen("start", "a", "b")
    assert (outcome.code, outcome.out, outcome.err) == (0, "a\nb\n", "")


def test_what_failed_is_named(baleen, fake, fakes, refusal):
    fake.on("POST", "/containers/a/start", refusal("No such container: a"))
    fake.on("POST", "/containers/b/start", fakes.Reply(status=304))
    outcome = baleen("start", "a", "b")
    assert (outcome.code, outcome.out) == (1, "b\n")
    assert outcome.err == (
        "Error response from daemon: No such container: a\nError: failed to start containers: a\n"
    )


def test_attached_without_input(baleen, fake, container):
    outcome = baleen("start", "-a", "c", stdin=b"in")
    assert (outcome.code, outcome.out, outcome.err) == (3, "got ", "err")
    assert container.order == ["attach", "wait", "start"]
    assert fake.last("/containers/c1/attach").query["stdin"] == ["0"]
    assert fake.last("/containers/c1/wait").query == {"condition": ["next-exit"]}


@pytest.mark.parametrize("flags", ["-ai", "-i"])
def test_attached_with_input(baleen, container, flags):
    outcome = baleen("start", flags, "c", stdin=b"in")
    assert (outcome.code, outcome.out, outcome.err) == (3, "got in", "err")


def test_a_container_that_is_removed_is_awaited_to_its_removal(baleen, fake, container):
    container.document["HostConfig"]["AutoRemove"] = True
    baleen("start", "-a", "c")
    assert fake.last("/containers/c1/wait").query == {"condition": ["removed"]}


def test_a_start_that_fails_ends_the_attachment(baleen, fake, fakes, container):
    message = 'exec: "x": executable file not found in $PATH'
    fake.on("POST", "/containers/c1/start", fakes.Reply({"message": message}, 400))
    outcome = baleen("start", "-a", "c")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"Error response from daemon: {message}\n"
    container.started.set()


def test_only_one_container_can_be_attached(baleen, fake, container):
    outcome = baleen("start", "-a", "c", "d")
    assert (outcome.code, outcome.err) == (
        1,
        "you cannot start and attach multiple containers at once\n",
    )
    assert container.order == []
