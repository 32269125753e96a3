from __future__ import annotations

import asyncio
import base64
import threading

import pytest

from baleen.api.registries import AuthConfig
from baleen.distribution.cancellation import Cancelled
from baleen.distribution.settings import RegistrySettings
from baleen.engine.registry_access import RegistryAccess, credentials_of
from baleen.errors import Internal, NotFound, Unauthorized


@pytest.fixture
def access():
    made = RegistryAccess(RegistrySettings(), None)
    yield made
    made.close()


async def collect(stream):
    return [message async for message in stream]


async def test_a_call_runs_beside_the_loop(access):
    assert await access.run(lambda cancel: threading.get_ident()) != threading.get_ident()


async def test_a_call_is_cancelled_with_who_waits_for_it(access):
    begun, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def call(cancel):
        loop.call_soon_threadsafe(begun.set)
        try:
            cancel.wait(10)
        finally:
            ended.set()

    waiting = asyncio.create_task(access.run(call))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.wait(5)


async def test_a_stream_tells_what_its_thread_sends(access):
    def work(feed, cancel):
        feed.message("a")
        feed.message("b")

    assert await collect(access.stream(work)) == [{"status": "a"}, {"status": "b"}]


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (NotFound("gone"), NotFound, "gone"),
        # The docker command would ask for a password at 401, which dockerd never answers here.
        (Unauthorized("no basic auth credentials"), Internal, "no basic auth credentials"),
        (ZeroDivisionError("secret"), Internal, "internal error: ZeroDivisionError"),
    ],
)
async def test_its_errors_are_raised_and_bugs_are_not_shown(access, error, kind, text):
    def work(feed, cancel):
        raise error

    with pytest.raises(kind) as caught:
        await collect(access.stream(work))
    assert type(caught.value) is kind
    assert str(caught.value) == text


async def test_closing_a_stream_ends_its_thread_before_it_returns(access):
    state = []

    def work(feed, cancel):
        feed.message("begun")
        try:
            cancel.wait(10)
        except Cancelled:
            state.append("given up")
            raise

    stream = access.stream(work)
    await anext(stream)
    await stream.aclose()
    assert state == ["given up"]


async def test_closing_the_access_cancels_all(access):
    def work(feed, cancel):
        feed.message("begun")
        cancel.wait(10)

    stream = access.stream(work)
    await anext(stream)
    access.close()
    with pytest.raises(Cancelled):
        await anext(stream)


def test_the_client_is_made_once_and_takes_new_settings(access):
    assert access.client is access.client
    changed = RegistrySettings(max_download_attempts=1)
    access.replace(changed)
    assert access.settings is changed


def test_credentials_of_a_request():
    assert credentials_of(AuthConfig()) is None
    assert credentials_of(AuthConfig(serveraddress="r.io")) is None
    found = credentials_of(AuthConfig(username="a", password="b", serveraddress="r.io"))
    assert (found.username, found.password, found.server) == ("a", "b", "r.io")
    assert credentials_of(AuthConfig(identitytoken="t")).identity_token == "t"
    assert credentials_of(AuthConfig(registrytoken="t")).registry_token == "t"


def test_credentials_of_old_clients_are_one_text():
    found = credentials_of(AuthConfig(auth=base64.b64encode(b"me:a:b").decode()))
    assert (found.username, found.password) == ("me", "a:b")
    assert credentials_of(AuthConfig(auth="%")) is None
