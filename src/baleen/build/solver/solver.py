"""A build's run over its graph.

    every vertex: inputs -> fast key -> slow key -> run -> record
                                 hit ┘       hit ┘

Vertices run as soon as their inputs are there, in parallel up to a bound of the solver. Equal
vertices of one build are one; equal operations of builds at the same time are run once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from baleen.build.events import Cached, Cancelled, Completed, Failed, Log, Started, Status
from baleen.build.graph import Exec, FileOp, ImageSource, LocalSource, Merge
from baleen.build.session import LocalDirectory
from baleen.build.solver import keys
from baleen.build.solver.checking import check_graph, output_count
from baleen.build.solver.flights import Flights
from baleen.build.solver.outcome import Outcome, Solution
from baleen.build.solver.why import Verdict, explain
from baleen.errors import BaleenError, DataLoss, Internal, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from baleen.build.events import Observer
    from baleen.build.graph import Edge, Vertex
    from baleen.build.interfaces import (
        Contents,
        ContentsReader,
        Executor,
        ImageResolver,
        Input,
        Report,
    )
    from baleen.build.session import Session
    from baleen.build.solver.cache import BuildCache
    from baleen.build.solver.importing import Importer

__all__ = ["Outcome", "Solution", "Solver"]

log = logging.getLogger(__name__)


class Solver:
    """Runs the builds of one daemon.

    Args:
        executors: by type of operation; `ImageSource` and `LocalSource` need none.
        parallel: how many operations run at a time, over all builds.
    """

    def __init__(
        self,
        executors: Mapping[type, Executor],
        images: ImageResolver,
        contents: ContentsReader,
        cache: BuildCache,
        *,
        parallel: int = 4,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.executors = executors
        self.images = images
        self.contents = contents
        self.cache = cache
        self.clock_ns = clock_ns
        self.slots = asyncio.Semaphore(parallel)
        self.flights: Flights[Outcome] = Flights()

    async def solve(
        self,
        targets: Sequence[Edge],
        session: Session,
        observer: Observer,
        *,
        importers: Sequence[Importer] = (),
        why: bool = False,
    ) -> Solution:
        """Make all targets; with `why`, find out the reason of each miss too.

        Cancelled, or after the first failure, everything that runs for this build alone is ended;
        what another build waits for is run to its end first, because it uses this session.

        Raises:
            BaleenError: the first failure, with the step in `details`.
        """
        vertices = check_graph(targets, session.entitlements)
        run = _Run(self, session, observer, importers, why=why)
        try:
            async with asyncio.TaskGroup() as group:
                for vertex in vertices:
                    run.tasks[vertex.digest] = group.create_task(run.vertex(vertex))
        except* Exception as errors:  # unwrapped below
            if run.failure is None:
                run.failure = _first(errors)
        finally:
            self.cache.release(run.held)
        if run.failure is not None:
            raise run.failure
        return run.solution


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else Internal(str(error))


class _Reporter:
    """Turns a vertex's progress into events; implements `interfaces.Report`."""

    def __init__(self, vertex: Vertex, observer: Observer, clock_ns: Callable[[], int]) -> None:
        self._vertex = vertex
        self._observer = observer
        self._clock_ns = clock_ns

    def log(self, stream: int, data: bytes) -> None:
        self._observer(Log(self._vertex, self._clock_ns(), stream, data))

    def status(self, text: str) -> None:
        self._observer(Status(self._vertex, self._clock_ns(), text))


class _Run:
    """One call of `solve`."""

    def __init__(
        self,
        solver: Solver,
        session: Session,
        observer: Observer,
        importers: Sequence[Importer],
        *,
        why: bool,
    ) -> None:
        self.solution = Solution()
        self.tasks: dict[str, asyncio.Task[Outcome]] = {}
        self.held: list[str] = []
        self.failure: Exception | None = None
        self._solver = solver
        self._session = session
        self._observer = observer
        self._importers = importers
        self._why = why

    async def vertex(self, vertex: Vertex) -> Outcome:
        """Bring one vertex to its outcome; its inputs' tasks are there already."""
        inputs: list[Input] = []
        for edge in vertex.inputs:
            outcome = await self.tasks[edge.vertex.digest]
            inputs.append(outcome.outputs[edge.output])
        clock_ns = self._solver.clock_ns
        self._observer(Started(vertex, clock_ns()))
        report = _Reporter(vertex, self._observer, clock_ns)
        try:
            outcome = await self._outcome(vertex, inputs, report)
        except asyncio.CancelledError:
            self._observer(Cancelled(vertex, clock_ns()))
            raise
        except Exception as err:
            error = _placed(err, vertex)
            if self.failure is None:
                self.failure = error
            self._observer(Failed(vertex, clock_ns(), error))
            raise error from (err if err is not error else err.__cause__)
        self.solution.outcomes[vertex.digest] = outcome
        if outcome.verdict is not None and outcome.verdict.hit:
            self._observer(Cached(vertex, clock_ns(), outcome.trees, outcome.verdict))
        else:
            self._observer(Completed(vertex, clock_ns(), outcome.trees, outcome.verdict))
        return outcome

    async def _outcome(self, vertex: Vertex, inputs: Sequence[Input], report: Report) -> Outcome:
        match vertex.op:
            case LocalSource():
                return self._local(vertex.op)
            case ImageSource():
                return await self._image(vertex, vertex.op, report)
            case FileOp() | Exec() | Merge():
                return await self._cached(vertex, inputs, report)
            case _ if keys.is_fixed(vertex):
                return await self._cached(vertex, inputs, report)
            case _:
                # What a URL or a branch gives is known only when it is fetched.
                return await self._execute(vertex, inputs, report)

    # -- sources

    def _local(self, op: LocalSource) -> Outcome:
        found = self._session.locals.get(op.name)
        if found is None:
            raise InvalidArgument(f'no directory "{op.name}" came with the build')
        if op.exclude:
            found = LocalDirectory(
                found.path, exclude=(*found.exclude, *op.exclude), source=found.source
            )
        return Outcome((found,), self._solver.clock_ns())

    async def _image(self, vertex: Vertex, op: ImageSource, report: Report) -> Outcome:
        tree = await self._solver.images.tree(op, self._session, report)
        if not self._solver.cache.lease([tree], self._session.lease):
            raise DataLoss(f"layers of {op.name} are gone: {vertex.name}")
        return Outcome((tree,), self._solver.clock_ns())

    # -- operations

    async def _cached(self, vertex: Vertex, inputs: Sequence[Input], report: Report) -> Outcome:
        epoch_ns = self._session.epoch_ns
        fast = keys.fast_key(vertex, inputs, epoch_ns)
        if not vertex.ignore_cache:
            found = self._find(fast)
            if found is not None:
                return found
        contents = await self._contents(vertex, inputs)
        slow = keys.slow_key(vertex, inputs, contents, epoch_ns) if contents else None
        if vertex.ignore_cache:
            outcome = await self._run(vertex, inputs, report, contents, (fast, slow))
            return self._hold(outcome)
        found = self._find(slow)
        if found is not None:
            if fast is not None:
                self._also(found, fast)
            return found
        found = await self._imported(vertex, inputs, contents, (fast, slow))
        if found is not None:
            return found
        key = slow or fast
        if key is None or not _is_shareable(vertex):
            return self._hold(await self._run(vertex, inputs, report, contents, (fast, slow)))

        async def work(audience: Report) -> Outcome:
            return await self._run(vertex, inputs, audience, contents, (fast, slow))

        outcome, _ = await self._solver.flights.run(key, work, report, self._welcome)
        return self._hold(outcome)

    def _find(self, key: str | None) -> Outcome | None:
        cache = self._solver.cache
        record = cache.find((key,), self._session.lease)
        if record is None:
            return None
        return self._hold(
            Outcome(
                record.trees,
                record.created_ns,
                Verdict(hit=True, source="local", reason="found in the cache"),
                record.id,
                tuple(record.keys),
            )
        )

    def _also(self, outcome: Outcome, key: str) -> None:
        self._solver.cache.add_key(outcome.record_id, key)

    def _hold(self, outcome: Outcome) -> Outcome:
        if outcome.record_id:
            self._solver.cache.hold(outcome.record_id)
            self.held.append(outcome.record_id)
        return outcome

    def _welcome(self, outcome: Outcome) -> None:
        self._solver.cache.lease(outcome.trees, self._session.lease)

    async def _contents(self, vertex: Vertex, inputs: Sequence[Input]) -> dict[int, list[Contents]]:
        """Digest the inputs of which only some files matter; none that cannot be read."""
        found: dict[int, list[Contents]] = {}
        reader = self._solver.contents
        for index, selections in keys.selections(vertex).items():
            try:
                found[index] = [
                    await reader.contents(inputs[index], selection, self._session)
                    for selection in selections
                ]
            except (BaleenError, OSError) as err:
                # The operation itself says better what is wrong, or minds it not at all.
                log.debug("contents for %s: %s", vertex.name, err)
        return found

    async def _imported(
        self,
        vertex: Vertex,
        inputs: Sequence[Input],
        contents: Mapping[int, Sequence[Contents]],
        wanted: tuple[str | None, str | None],
    ) -> Outcome | None:
        cache = self._solver.cache
        for importer in self._importers:
            found = await importer.find([key for key in wanted if key is not None], self._session)
            if found is None or len(found.outputs) != output_count(vertex):
                continue
            if not cache.lease(found.outputs, self._session.lease):
                continue
            record = cache.record(
                vertex,
                inputs,
                wanted,
                found.outputs,
                keys.parts(vertex, inputs, contents),
                created_ns=found.created_ns,
                imported=True,
            )
            verdict = Verdict(hit=True, source=importer.name, reason=f"found in {importer.name}")
            return self._hold(
                Outcome(record.trees, record.created_ns, verdict, record.id, tuple(record.keys))
            )
        return None

    async def _run(
        self,
        vertex: Vertex,
        inputs: Sequence[Input],
        report: Report,
        contents: Mapping[int, Sequence[Contents]],
        wanted: tuple[str | None, str | None],
    ) -> Outcome:
        """Run the operation, whatever the cache has, and record the result."""
        made_of = keys.parts(vertex, inputs, contents)
        verdict = self._verdict(vertex, inputs, made_of)
        outcome = await self._execute(vertex, inputs, report)
        cache = self._solver.cache
        if wanted == (None, None):
            return Outcome(outcome.outputs, outcome.created_ns, verdict)
        record = cache.record(vertex, inputs, wanted, outcome.trees, made_of)
        return Outcome(outcome.outputs, record.created_ns, verdict, record.id, tuple(record.keys))

    def _verdict(
        self, vertex: Vertex, inputs: Sequence[Input], made_of: Mapping[str, str]
    ) -> Verdict:
        if vertex.ignore_cache:
            return Verdict(hit=False, reason="the cache is not used (--no-cache)")
        if not self._why:
            return Verdict(hit=False)
        cache = self._solver.cache
        near = cache.near(vertex, inputs)
        return explain(made_of, ((record.description, cache.parts(record.id)) for record in near))

    async def _execute(self, vertex: Vertex, inputs: Sequence[Input], report: Report) -> Outcome:
        executor = self._solver.executors.get(type(vertex.op))
        if executor is None:
            raise Internal(f"nothing runs operations of type {type(vertex.op).__name__}")
        async with self._solver.slots:
            outputs = tuple(await executor.run(vertex, inputs, self._session, report))
        if len(outputs) != output_count(vertex):
            raise Internal(f"{vertex.name} has given {len(outputs)} trees")
        return Outcome(outputs, self._solver.clock_ns())


def _is_shareable(vertex: Vertex) -> bool:
    """Say whether another build's run may stand for ours: not when it uses that one's secrets."""
    op = vertex.op
    return not isinstance(op, Exec) or not any(
        mount.kind in {"secret", "ssh"} for mount in op.mounts
    )


def _placed(err: Exception, vertex: Vertex) -> Exception:
    """Return the error with the step that it belongs to."""
    if not isinstance(err, BaleenError):
        log.error("build step %s failed", vertex.name, exc_info=err)
        err = Internal(f"{vertex.name}: {type(err).__name__}: {err}")
    if vertex.name:
        err.details.setdefault("step", vertex.name)
    if vertex.place:
        err.details.setdefault("line", str(vertex.place))
    return err
