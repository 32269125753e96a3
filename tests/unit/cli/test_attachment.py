from __future__ import annotations

import os
import signal
import threading

import pytest

from baleen import errors
from baleen.cli.attachment import (
    Attachment,
    check_terminal,
    container_path,
    detach_keys,
    exit_code,
    read_wait,
)
from baleen.client.client import EngineClient
from baleen.client.endpoint import Endpoint


@pytest.fixture
def client(fake):
    with EngineClient(Endpoint("unix", path=str(fake.path))) as client:
        yield client


def attachment(client, *, tty=False, sig_proxy=True):
    return Attachment(
        client,
        resize_path="/containers/c/resize",
        kill_path="/containers/c/kill",
        tty=tty,
        stdin=False,
        sig_proxy=sig_proxy,
    )


def test_paths_are_quoted():
    assert container_path("a b", "json") == "/containers/a%20b/json"
    assert container_path("/c") == "/containers/c"
    for bad in ("", "..", "a/../b"):
        with pytest.raises(errors.InvalidArgument):
            container_path(bad)


def test_a_terminal_is_only_needed_for_input():
    check_terminal(tty=True, stdin=False)
    check_terminal(tty=False, stdin=True)


def test_detach_keys_of_the_flag_win_over_the_configuration():
    class Session:
        def setting(self, _key):
            return "ctrl-z"

    assert detach_keys(Session(), "a,b") == ("a,b", b"ab")
    assert detach_keys(Session(), "") == ("ctrl-z", b"\x1a")
    with pytest.raises(errors.InvalidArgument, match=r"invalid detach keys \(ctrl-\+\): "):
        detach_keys(Session(), "ctrl-+")


def test_the_answer_of_a_wait(client, fake, fakes):
    def ask(answer):
        fake.on("POST", "/containers/c/wait", fakes.Reply(answer))
        return read_wait(client.request("POST", "/containers/c/wait"))

    assert ask({"StatusCode": 7, "Error": None}) == 7
    for answer in ([], {}, {"StatusCode": "0"}, {"StatusCode": 0, "Error": {"Message": "lost"}}):
        with pytest.raises(errors.Internal):
            ask(answer)


def test_signals_go_to_the_container_while_it_is_awaited(client, fake, fakes):
    ended = threading.Event()

    def kill(_request):
        ended.set()
        return fakes.Reply(status=204)

    fake.on("POST", "/containers/c/kill", kill)
    fake.on("POST", "/containers/c/wait", fakes.Reply({"StatusCode": 130}, gate=ended))
    with attachment(client) as attached:
        wait = client.request("POST", "/containers/c/wait")
        os.kill(os.getpid(), signal.SIGINT)
        assert exit_code(wait, attached) == 130
    assert fake.last("/containers/c/kill").query == {"signal": ["INT"]}


def test_a_container_that_takes_no_signal_is_no_failure(client, fake, refusal):
    fake.on("POST", "/containers/c/kill", refusal("not running"))
    with attachment(client) as attached:
        attached.on_signal(signal.SIGTERM)
    assert fake.last("/containers/c/kill").query == {"signal": ["TERM"]}


@pytest.mark.parametrize("options", [{"sig_proxy": False}, {"tty": True}])
def test_signals_are_ours_without_the_proxy_or_with_a_terminal(client, fake, options):
    before = signal.getsignal(signal.SIGTERM)
    with attachment(client, **options) as attached:
        assert signal.getsignal(signal.SIGTERM) is before
        attached.on_signal(signal.SIGTERM)
    assert fake.requests == []


def test_no_terminal_has_no_size_to_pass_on(client, fake):
    with attachment(client, tty=True) as attached:
        assert attached.resize() is True
    assert fake.requests == []
