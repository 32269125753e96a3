"""One build, from its request to its last message.

See: `engine.building` for the order; Engine API, POST /build.
"""

from __future__ import annotations

import logging
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from baleen.build.dockerfile.parser import parse
from baleen.build.entitlements import NETWORK_HOST
from baleen.build.exec.errors import CommandFailed
from baleen.build.lowering.lower import lower
from baleen.build.progress import ClassicProgress
from baleen.build.session import Session
from baleen.build.telling import refuse_findings, tell
from baleen.build.vertex_progress import VertexProgress
from baleen.engine.build_agents import offered_agents
from baleen.engine.build_export import Exporting
from baleen.engine.build_images import SEND
from baleen.engine.build_request import BuildFailure
from baleen.errors import BaleenError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractContextManager

    from baleen.build.contexts.store import Context
    from baleen.build.dockerfile.instructions import Dockerfile
    from baleen.build.files.threads import Workers
    from baleen.build.graph import Edge
    from baleen.build.plan import Plan
    from baleen.build.solver.outcome import Solution
    from baleen.content.store import Lease
    from baleen.engine.build_feed import BuildFeed
    from baleen.engine.build_parts import BuildParts
    from baleen.engine.build_request import BuildRequest, ContextBody

__all__ = ["BuildRun", "in_thread"]

log = logging.getLogger(__name__)

_DOCKERFILE_LIMIT = 4 << 20


class BuildRun:
    """Call `run` once.

    Args:
        feed: takes the messages.
        build_id: unique.
    """

    def __init__(
        self,
        parts: BuildParts,
        request: BuildRequest,
        body: ContextBody,
        feed: BuildFeed,
        build_id: str,
    ) -> None:
        self._parts = parts
        self._request = request
        self._body = body
        self._feed = feed
        self._id = build_id
        self._quiet: list[dict[str, object]] = []

    async def run(self) -> None:
        """Build. Cancelled, it leaves nothing but what the cache has recorded.

        Raises:
            BaleenError: what is wrong, or has failed.
        """
        began = time.monotonic()
        try:
            async with AsyncExitStack() as stack:
                await self._run(stack)
        except BaleenError:
            for message in self._quiet:
                self._feed.send(message)
            raise
        log.debug("build %s took %.3f s", self._id, time.monotonic() - began)

    def _send(self, message: dict[str, object]) -> None:
        if self._request.quiet:
            self._quiet.append(message)
        else:
            self._feed.send(message)

    async def _run(self, stack: AsyncExitStack) -> None:
        parts, request = self._parts, self._request
        lease = await stack.enter_async_context(in_thread(parts.images.changing(), parts.workers))
        session = self._session(lease)
        exporting = Exporting(parts, request, self._feed, self._send, lease, self._id)
        context = await self._contexts(stack, session)
        dockerfile = await self._dockerfile(context)
        exclude: tuple[str, ...] = ()
        if context is not None:
            exclude = await self._ignored(context)
            session.locals["context"] = replace(context.local, exclude=exclude)
        if request.call:
            self._tell(dockerfile, exclude)
            return
        refuse_findings(dockerfile, request.options, exclude)
        if request.ssh and self._body.agents is not None:
            agents = offered_agents(
                parts.agents_directory, self._id, request.ssh, self._feed, self._body.agents
            )
            session.ssh.update(await stack.enter_async_context(agents))
        plans = [
            await lower(
                dockerfile,
                request.options,
                parts.resolver,
                session,
                platform=platform,
            )
            for platform in (request.options.platforms or (None,))
        ]
        if session.epoch_ns is None:
            session.epoch_ns = plans[0].epoch_ns
        progress = self._progress(plans)
        try:
            solution = await self._solve(plans, session, progress)
        except BaleenError as err:
            if isinstance(progress, ClassicProgress):
                progress.fail()
            raise await self._failure(err, session, exporting) from err
        await parts.elsewhere.export(
            request.options.cache_to, solution, _targets(plans), plans[0].platform, session
        )
        await exporting.export(plans, solution, progress)

    # --- what the build is given

    def _session(self, lease: Lease) -> Session:
        request = self._request
        network = request.options.network
        # Who asks for a whole build in the host's network has the right to it, as with dockerd.
        granted = frozenset({NETWORK_HOST} if network == "host" else ())
        session = Session(
            id=self._id,
            lease=lease,
            secrets=dict(request.secrets),
            limits=request.limits,
            network_mode=network,
            extra_hosts=request.options.extra_hosts,
            entitlements=request.entitlements | granted,
            auth=dict(request.auth),
            epoch_ns=request.epoch_ns,
            pull=request.options.pull,
        )
        session.extra[SEND] = self._send
        if request.keep_failed:
            session.extra["keep_failed"] = True
        return session

    async def _contexts(self, stack: AsyncExitStack, session: Session) -> Context | None:
        """Take in the context and those with a name."""
        request, store = self._request, self._parts.contexts
        context: Context | None = None
        if request.remote:
            context = await stack.enter_async_context(
                store.fetched(self._id, request.remote, session)
            )
        elif self._body.main is not None:
            context = await stack.enter_async_context(store.opened(self._id, self._body.main))
        elif request.dockerfile is None:
            raise InvalidArgument("there is no build context: send a tar, or name one by `remote`")
        local = [n for n, value in request.options.contexts.items() if value.startswith("local:")]
        for number, name in enumerate(local):
            if self._body.more is None:
                raise InvalidArgument(f'the context "{name}" did not come with the build')
            chunks = await anext(self._body.more)
            more = await stack.enter_async_context(store.opened(f"{self._id}-{number}", chunks))
            session.locals[name] = replace(more.local, exclude=more.exclude(""))
        return context

    async def _dockerfile(self, context: Context | None) -> Dockerfile:
        request = self._request
        name = request.options.dockerfile
        if request.dockerfile is not None:
            text: str | bytes = request.dockerfile
        else:
            assert context is not None
            text = await self._parts.tasks.blocking(context.read, name, limit=_DOCKERFILE_LIMIT)
        # A hostile one of the largest size takes a second.
        return await self._parts.tasks.blocking(parse, text, name=name)

    async def _ignored(self, context: Context) -> tuple[str, ...]:
        return await self._parts.tasks.blocking(context.exclude, self._request.options.dockerfile)

    def _tell(self, dockerfile: Dockerfile, ignore: tuple[str, ...]) -> None:
        """Answer what was asked instead of a build."""
        self._feed.send(tell(self._request.call, dockerfile, self._request.options, ignore))

    # --- the build itself

    def _progress(self, plans: Sequence[Plan]) -> ClassicProgress | VertexProgress:
        if self._request.events:
            vertices = VertexProgress(self._send)
            vertices.begin(_targets(plans))
            return vertices
        classic = ClassicProgress(self._send, build_id=self._id, remove=self._request.remove)
        classic.begin([step for plan in plans for step in plan.steps])
        return classic

    async def _solve(
        self,
        plans: Sequence[Plan],
        session: Session,
        progress: ClassicProgress | VertexProgress,
    ) -> Solution:
        importers = await self._parts.elsewhere.importers(
            self._request.options.cache_from, session, lambda text: self._send({"status": text})
        )
        return await self._parts.solver.solve(
            _targets(plans), session, progress, importers=importers, why=self._request.why
        )

    async def _failure(
        self, err: BaleenError, session: Session, exporting: Exporting
    ) -> BaleenError:
        """Return the error of a step as the client gets it; keep what it left if that is wanted."""
        if self._request.keep_failed and "failed" in session.extra:
            await exporting.keep_failed(session.extra["failed"], session.extra["failed_step"])
        if not isinstance(err, CommandFailed):
            return err
        return BuildFailure(str(err), exit_code=err.exit_code)


def _targets(plans: Sequence[Plan]) -> list[Edge]:
    return [plan.target for plan in plans if plan.target is not None]


@asynccontextmanager
async def in_thread(held: AbstractContextManager[Lease], workers: Workers) -> AsyncIterator[Lease]:
    """Hold a blocking context manager; it is left in a worker thread, to the end."""
    lease = held.__enter__()
    try:
        yield lease
    except BaseException as err:
        error = err
        await workers.finish(lambda: held.__exit__(type(error), error, error.__traceback__))
        raise
    await workers.finish(lambda: held.__exit__(None, None, None))
