from __future__ import annotations

import threading

import pytest


@pytest.fixture
def container(fake, fakes):
    """A running container "c" that echoes its input on both streams; it ends with 3."""

    class Container:
        def __init__(self):
            self.ended = threading.Event()
            self.state = {"Running": True}
            self.config = {"OpenStdin": True, "Tty": False}
            self.order = []

        def inspect(self, _request):
            self.order.append("inspect")
            return fakes.Reply({"Id": "c", "State": self.state, "Config": self.config})

        def wait(self, _request):
            self.order.append("wait")
            return fakes.Reply({"StatusCode": 3}, gate=self.ended)

        def attach(self, _request):
            self.order.append("attach")
            return fakes.Takeover(
                self.serve, media_type="application/vnd.docker.multiplexed-stream"
            )

        def serve(self, stream):
            data = b""
            while piece := stream.recv(1000):
                data += piece
            stream.sendall(fakes.frame(1, b"got " + data) + fakes.frame(2, b"err"))
            self.ended.set()

    result = Container()
    fake.on("GET", "/containers/c/json", lambda r: result.inspect(r))
    fake.on("POST", "/containers/c/wait", lambda r: result.wait(r))
    fake.on("POST", "/containers/c/attach", lambda r: result.attach(r))
    yield result
    result.ended.set()


def test_streams_and_exit_code_are_the_containers(baleen, fake, container):
    outcome = baleen("attach", "c", stdin=b"in")
    assert (outcome.code, outcome.out, outcome.err) == (3, "got in", "err")
    # The wait is there before the streams, so that no exit can be missed.
    assert container.order == ["inspect", "wait", "attach"]
    assert fake.last("/containers/c/attach").query == {
        "stream": ["1"],
        "stdin": ["1"],
        "stdout": ["1"],
        "stderr": ["1"],
    }


def test_input_is_not_taken_when_it_is_not_wanted(baleen, fake, container):
    assert baleen("attach", "--no-stdin", "c", stdin=b"in").out == "got "
    assert fake.last("/containers/c/attach").query["stdin"] == ["0"]
    container.config["OpenStdin"] = False
    assert baleen("attach", "c", stdin=b"in").out == "got "


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"Running": False}, "cannot attach to a stopped container, start it first\n"),
        (
            {"Running": True, "Paused": True},
            "cannot attach to a paused container, unpause it first\n",
        ),
        (
            {"Running": True, "Restarting": True},
            "cannot attach to a restarting container, wait until it is running\n",
        ),
    ],
)
def test_states_that_cannot_be_attached_to(baleen, container, state, text):
    container.state = state
    outcome = baleen("attach", "c")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", text)
    assert container.order == ["inspect"]


def test_a_terminal_needs_one(baleen, container):
    container.config["Tty"] = True
    outcome = baleen("attach", "c")
    assert (outcome.code, outcome.err) == (1, "the input device is not a TTY\n")


def test_detach_keys_are_passed_on_and_checked(baleen, fake, container):
    baleen("attach", "--detach-keys", "ctrl-x,x", "c")
    assert fake.last("/containers/c/attach").query["detachKeys"] == ["ctrl-x,x"]
    outcome = baleen("attach", "--detach-keys", "bad-key", "c")
    assert outcome.code == 1
    assert outcome.err.startswith("invalid detach keys (bad-key): ")


def test_a_missing_container_fails(baleen, fake, refusal):
    fake.on("GET", "/containers/x/json", refusal("No such container: x"))
    outcome = baleen("attach", "x")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: No such container: x\n")
