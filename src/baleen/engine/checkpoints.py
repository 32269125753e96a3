"""Checkpoints of containers: made by criu, kept in directories, used by a later start.

    <state dir>/checkpoints/<name>/      or      <the caller's directory>/<name>/

Nothing about a container is ever read out of such a directory: what a start takes from there are
processes, by way of criu, in a container that is made of the daemon's own records. A directory that
has anything but plain files of root's is refused (`baleen.runtime.criu.images`).

See: moby daemon/checkpoint.go.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shutil
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from baleen import errors
from baleen.containers.state import Status
from baleen.errors import AlreadyExists, BaleenError, Conflict, Internal, InvalidArgument, NotFound
from baleen.linux.fd import Fd
from baleen.runtime.criu.images import check_image
from baleen.runtime.criu.service import find_criu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.containers import ContainerStore
    from baleen.containers.record import ContainerRecord
    from baleen.engine.bundles import Bundles
    from baleen.engine.events import EventBus
    from baleen.engine.lifecycle import Lifecycle
    from baleen.engine.live import LiveContainer, LiveContainers, WaitResult
    from baleen.engine.starter import Starter
    from baleen.engine.tasks import Tasks

__all__ = ["Checkpoints"]

log = logging.getLogger(__name__)

_MODULE = "baleen.runtime.criu.program"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MAX_NAME = 255
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_END_S = 30
_NO_RESTART = {"policy": "no", "maximum_retries": 0}


class Checkpoints:
    """Makes, lists and removes them, and starts containers from them."""

    def __init__(
        self,
        store: ContainerStore,
        lives: LiveContainers,
        lifecycle: Lifecycle,
        starter: Starter,
        bundles: Bundles,
        events: EventBus,
        tasks: Tasks,
    ) -> None:
        self._store = store
        self._lives = lives
        self._lifecycle = lifecycle
        self._starter = starter
        self._bundles = bundles
        self._events = events
        self._tasks = tasks

    async def create(self, ref: str, name: str, directory: str, *, end: bool) -> None:
        """Checkpoint the running container; with `end` it ends by that, once this returns.

        A failure changes nothing.

        Raises:
            NotFound: no such container.
            Conflict: it does not run, or there is such a checkpoint already.
            InvalidArgument: the name or the directory is none.
            NotImplemented: there is no criu on this host, or it cannot do this container.
            Internal: criu failed; the message has its last errors.
        """
        record = self._store.get(ref)
        _check_name(name)
        live = self._lives[record.id]
        async with live.lock:
            record = self._store.get(record.id)
            if record.status is not Status.RUNNING or live.link is None:
                raise Conflict(f"container {record.id} is not {_wanted(record)}")
            if record.pid not in self._starter.cgroup_of(record).pids():
                raise Conflict(f"container {record.id} is not running")
            find_criu()
            ended = live.when_not_running() if end else None
            with _opened(record, directory, make=True) as parent:
                _make(parent, name, record)
                try:
                    fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent.fileno())
                    with Fd(fd) as image:
                        await self._dump(record, live, image, end=end)
                except BaseException:
                    if ended is not None:
                        ended.cancel()
                    await self._tasks.blocking(_remove, parent.dup(), name)
                    raise
            if ended is not None:
                await self._note_end(record, ended)
        self._events.publish_with(
            "container",
            "checkpoint",
            record.id,
            {**record.config.labels, "image": record.config.image, "name": record.name},
        )

    async def _dump(
        self, record: ContainerRecord, live: LiveContainer, image: Fd, *, end: bool
    ) -> None:
        bundle = self._bundles.directory(record.id)
        link = live.require_link(record)
        if end:  # by this end the policy is not to start it again
            await link.send("set-restart", restart=_NO_RESTART)
        try:
            with Fd(os.open(bundle, _DIRECTORY)) as work:
                await _run_program(
                    [str(bundle / "config.json"), str(record.pid)], image, work, end=end
                )
        except BaseException:
            if end and live.link is link:
                await link.send("set-restart", restart=_policy(record))
            raise

    async def _note_end(self, record: ContainerRecord, ended: asyncio.Future[WaitResult]) -> None:
        """Wait until the end that criu made is noted: then the container can be started again."""
        with suppress(NotFound):  # it is removed by its end
            self._store.update(record.id, manually_stopped=True)
        try:
            async with asyncio.timeout(_END_S):
                await asyncio.shield(ended)
        except TimeoutError:
            raise Internal(f"container {record.id} was checkpointed and did not end") from None

    def list_all(self, ref: str, directory: str) -> list[str]:
        """Return the names of the container's checkpoints, or of those in `directory`.

        Raises NotFound, InvalidArgument.
        """
        record = self._store.get(ref)
        try:
            with (
                _opened(record, directory, make=False) as parent,
                os.scandir(parent.fileno()) as entries,
            ):
                return sorted(
                    entry.name for entry in entries if entry.is_dir(follow_symlinks=False)
                )
        except FileNotFoundError:
            return []

    async def delete(self, ref: str, name: str, directory: str) -> None:
        """Remove one of them (NotFound, InvalidArgument)."""
        record = self._store.get(ref)
        _check_name(name)
        with _found(record, name, directory) as (parent, _):
            await self._tasks.blocking(_remove, parent.dup(), name)

    async def start(self, ref: str, name: str, directory: str) -> None:
        """Start a container that does not run from one of them; as `Lifecycle.start` otherwise.

        Raises:
            NotFound: no such container or checkpoint.
            InvalidArgument: its directory has what a checkpoint does not have.
            NotImplemented: there is no criu on this host.
            StartFailed: criu cannot restore it, or it asks for more than the container has.
        """
        record = self._store.get(ref)
        _check_name(name)
        find_criu()
        with _found(record, name, directory) as (_, image):
            check_image(image, name, parents=False)
        await self._lifecycle.start(ref, checkpoint=f"{_place(record, directory)}/{name}")


def _policy(record: ContainerRecord) -> dict[str, object]:
    policy = record.host_config.restart_policy
    return {"policy": policy.name or "no", "maximum_retries": policy.maximum_retry_count}


def _wanted(record: ContainerRecord) -> str:
    return "running, but paused" if record.status is Status.PAUSED else "running"


def _check_name(name: str) -> None:
    if len(name) > _MAX_NAME or _NAME.fullmatch(name) is None:
        raise InvalidArgument(
            f"Invalid checkpoint ID ({name[:64]}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )


def _place(record: ContainerRecord, directory: str) -> str:
    if not directory:
        return f"{record.state_dir}/checkpoints"
    if not directory.startswith("/") or "\0" in directory:
        raise InvalidArgument(f"the checkpoint directory {directory[:64]!r} is no absolute path")
    return directory.rstrip("/")


@contextmanager
def _opened(record: ContainerRecord, directory: str, *, make: bool) -> Iterator[Fd]:
    """Yield the directory of checkpoints (FileNotFoundError, InvalidArgument)."""
    place = _place(record, directory)
    if make:
        os.makedirs(place, mode=0o700, exist_ok=True)  # noqa: PTH103
    # The daemon's own is no link; where the caller's path leads is the caller's affair.
    own = 0 if directory else os.O_NOFOLLOW
    try:
        fd = os.open(place or "/", _DIRECTORY | own)
    except NotADirectoryError as err:
        raise InvalidArgument(f"{place} exists and is not a directory") from err
    with Fd(fd) as opened:
        yield opened


@contextmanager
def _found(record: ContainerRecord, name: str, directory: str) -> Iterator[tuple[Fd, Fd]]:
    """Yield the directory of checkpoints and that of one of them (NotFound)."""
    with ExitStack() as held:
        try:
            parent = held.enter_context(_opened(record, directory, make=False))
            fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent.fileno())
        except FileNotFoundError:
            raise NotFound(
                f"checkpoint {name} does not exist for container {record.name}"
            ) from None
        except OSError as err:
            raise InvalidArgument(f"checkpoint {name} is no directory: {err.strerror}") from err
        yield parent, held.enter_context(Fd(fd))


def _make(parent: Fd, name: str, record: ContainerRecord) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent.fileno())
    except FileExistsError:
        raise AlreadyExists(
            f"cannot checkpoint container {record.name}: checkpoint with name {name} already exists"
        ) from None


def _remove(parent: Fd, name: str) -> None:
    """Remove a directory with all in it; takes `parent` over. Links in it are not followed."""
    with parent:
        shutil.rmtree(name, dir_fd=parent.fileno())


async def _run_program(arguments: list[str], image: Fd, work: Fd, *, end: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-OO", "-m", _MODULE, *arguments),
        *(str(image.fileno()), str(work.fileno()), "0" if end else "1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=(image.fileno(), work.fileno()),
        start_new_session=True,
    )
    output, _ = await process.communicate()
    try:
        answer = json.loads(output)
    except ValueError:
        raise Internal(f"the checkpoint's process ended with {process.returncode}") from None
    if not answer:
        return
    kind = getattr(errors, str(answer["kind"]), Internal)
    known = isinstance(kind, type) and issubclass(kind, BaleenError) and kind is not BaleenError
    raise (kind if known and kind is not errors.StartFailed else Internal)(str(answer["message"]))
