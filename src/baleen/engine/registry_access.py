"""The engine's way to registries: the client, made at first use, and threads for its calls.

The client's calls block. Each gets a thread of its own, since a registry that does not answer
would otherwise keep the workers of everything else; a call whose client goes away is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from baleen.engine.progress_feed import ProgressFeed
from baleen.errors import BaleenError, Internal, Unauthorized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from baleen.api.registries import AuthConfig
    from baleen.content import ContentStore
    from baleen.distribution.cancellation import Cancellation
    from baleen.distribution.credentials import Credentials
    from baleen.distribution.registries import Registries
    from baleen.distribution.settings import RegistrySettings
    from baleen.engine.progress_feed import Message

__all__ = ["RegistryAccess", "credentials_of"]

log = logging.getLogger(__name__)

T = TypeVar("T")


class RegistryAccess:
    """Holds the registry client of one engine.

    Attributes:
        settings: those in force; change them with `replace`.
    """

    def __init__(self, settings: RegistrySettings, content: ContentStore) -> None:
        self.settings = settings
        self._content = content
        self._lock = threading.Lock()
        self._client: Registries | None = None
        self._running: set[Cancellation] = set()

    @property
    def client(self) -> Registries:
        """The client; any thread."""
        with self._lock:
            if self._client is None:
                # Not before: a daemon that never pulls saves the memory.
                from baleen.distribution.registries import Registries

                self._client = Registries(self.settings, self._content)
            return self._client

    def replace(self, settings: RegistrySettings) -> None:
        """Take other settings, for what begins from now on."""
        with self._lock:
            self.settings = settings
            if self._client is not None:
                self._client.replace(settings)

    async def run(self, call: Callable[[Cancellation], T]) -> T:
        """Await a blocking call in a thread; when this is cancelled, so is the call."""
        cancel, executor = self._begin()
        try:
            work = asyncio.get_running_loop().run_in_executor(executor, call, cancel)
            return await asyncio.shield(work)
        finally:
            self._end(cancel, executor)

    async def stream(
        self, work: Callable[[ProgressFeed, Cancellation], None]
    ) -> AsyncIterator[Message]:
        """Yield what `work` sends from its thread, then raise what it raised.

        Closing the iterator cancels the work, and ends when the thread has let go of everything.
        """
        cancel, executor = self._begin()
        feed = ProgressFeed()

        def body() -> None:
            try:
                work(feed, cancel)
            except Unauthorized as err:
                # dockerd answers 500: at 401 its client would ask for a name and a password.
                feed.end(Internal(str(err)))
            except BaleenError as err:
                feed.end(err)
            except Exception as err:  # a bug: the log has it, the client a word of it
                log.exception("transfer failed unexpectedly")
                feed.end(Internal(f"internal error: {type(err).__name__}"))
            else:
                feed.end()

        done = asyncio.get_running_loop().run_in_executor(executor, body)
        try:
            async for message in feed.messages():
                yield message
        finally:
            self._end(cancel, executor)
            await asyncio.shield(done)

    def _begin(self) -> tuple[Cancellation, ThreadPoolExecutor]:
        from baleen.distribution.cancellation import Cancellation

        cancel = Cancellation()
        self._running.add(cancel)
        return cancel, ThreadPoolExecutor(1, thread_name_prefix="registry")

    def _end(self, cancel: Cancellation, executor: ThreadPoolExecutor) -> None:
        # What has ended does not mind.
        cancel.cancel()
        self._running.discard(cancel)
        executor.shutdown(wait=False)

    def close(self) -> None:
        """Cancel what runs; its threads end soon after."""
        for cancel in list(self._running):
            cancel.cancel()


def credentials_of(auth: AuthConfig) -> Credentials | None:
    """Return the client's form of what a request says; None when it says nothing."""
    from baleen.distribution.credentials import Credentials

    username, password = auth.username, auth.password
    if auth.auth and not username:
        username, password = _decoded(auth.auth)
    if not (username or auth.identitytoken or auth.registrytoken):
        return None
    return Credentials(
        username=username,
        password=password,
        identity_token=auth.identitytoken,
        registry_token=auth.registrytoken,
        server=auth.serveraddress,
    )


def _decoded(text: str) -> tuple[str, str]:
    import base64
    import binascii

    try:
        username, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, password
