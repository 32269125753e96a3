"""A solver with small executors: each result is one layer that says what was done."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field

from baleen.build.graph import (
    Copying,
    Edge,
    Exec,
    ExecMount,
    FileOp,
    HttpSource,
    ImageSource,
    LocalSource,
    Merge,
    Vertex,
    encode_op,
)
from baleen.build.interfaces import Contents
from baleen.build.session import LocalDirectory, Session
from baleen.build.solver.cache import BuildCache
from baleen.build.solver.solver import Solver
from baleen.build.trees import Tree
from baleen.content.store import ContentStore
from baleen.oci.descriptor import Descriptor
from baleen.state.database import Database


@dataclass
class Layers:
    """Implements Executor: a layer of the operation's bytes, and of `salt` to tell runs apart."""

    content: ContentStore
    salt: str = ""
    ran: list[str] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    begun: dict[str, asyncio.Event] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    running: int = 0
    most: int = 0

    async def run(self, vertex, inputs, session, report):
        self.ran.append(vertex.name)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            report.log(1, f"{vertex.name} runs\n".encode())
            self.begun.setdefault(vertex.name, asyncio.Event()).set()
            await asyncio.sleep(0)
            if vertex.name in self.gates:
                await self.gates[vertex.name].wait()
            if vertex.name in self.failures:
                raise self.failures[vertex.name]
            report.log(1, f"{vertex.name} is done\n".encode())
            op = vertex.op
            base = inputs[0] if inputs and not getattr(op, "scratch", False) else Tree()
            count = 1
            if isinstance(op, Exec):
                count = 1 + max(mount.output for mount in op.mounts)
            return [
                self.on(base, encode_op(op) + f"{self.salt}{number}".encode(), session.lease)
                for number in range(count)
            ]
        finally:
            self.running -= 1

    def on(self, base, data, lease):
        digest = self.content.put(data, lease)
        layer = Descriptor(media_type="layer", digest=digest, size=len(data))
        return Tree((*base.layers, layer), (*base.diff_ids, digest))


@dataclass
class Images:
    """Implements ImageResolver for sources alone."""

    layers: Layers
    content: ContentStore

    async def tree(self, source, session, report):
        return self.layers.on(Tree(), source.name.encode(), session.lease)


@dataclass
class Files:
    """Implements ContentsReader: what is read is said by the test."""

    known: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def contents(self, source, selection, session):
        self.asked.append(selection.paths)
        if isinstance(source, LocalDirectory):
            files = self.known[str(source.path)]
        else:
            files = self.known.get("tree", {selection.paths[0]: str(source.diff_ids)})
        chosen = {
            path: text for path, text in files.items() if path.startswith(tuple(selection.paths))
        }
        digest = hashlib.sha256(repr(sorted(chosen.items())).encode()).hexdigest()
        return Contents(digest, {path: text.encode() for path, text in chosen.items()})


class Bed:
    def __init__(self, path, parallel=4):
        self.path = path
        self.now = 1_000
        self.database = Database(path / "state.db")
        self.content = ContentStore(path / "content")
        self.content.start()
        self.layers = Layers(self.content)
        self.files = Files()
        self.start(parallel)

    def start(self, parallel=4):
        """Begin as a new daemon does."""
        self.cache = BuildCache(self.database, self.content, self.clock)
        self.cache.start()
        self.solver = Solver(
            {FileOp: self.layers, Exec: self.layers, Merge: self.layers, HttpSource: self.layers},
            Images(self.layers, self.content),
            self.files,
            self.cache,
            parallel=parallel,
            clock_ns=self.clock,
        )

    def clock(self):
        self.now += 1
        return self.now

    @contextmanager
    def session(self, name="one", context=None, **fields):
        locals_ = {}
        if context is not None:
            self.files.known[f"/{name}"] = context
            locals_["context"] = LocalDirectory(self.path.__class__(f"/{name}"))
        with self.content.lease() as lease:
            yield Session(id=name, lease=lease, locals=locals_, **fields)

    async def build(self, *targets, name="one", context=None, observer=None, why=False, **fields):
        """Solve the targets; returns the solution and the names of what ran."""
        before = len(self.layers.ran)
        with self.session(name, context, **fields) as session:
            solution = await self.solver.solve(
                [edge(target) for target in targets],
                session,
                Events() if observer is None else observer,
                why=why,
            )
        return solution, self.layers.ran[before:]


class Events(list):
    def __call__(self, event):
        self.append(event)

    def named(self, name):
        return [type(event).__name__ for event in self if event.vertex.name == name]

    def log(self, name):
        return b"".join(
            event.data
            for event in self
            if type(event).__name__ == "Log" and event.vertex.name == name
        )


async def until(is_so):
    """Let others run until `is_so()`; the test's timeout bounds it."""
    while not is_so():  # noqa: ASYNC110  # no event tells of it
        await asyncio.sleep(0)


def edge(found):
    return found if isinstance(found, Edge) else Edge(found)


def image(name="base"):
    return Vertex(ImageSource(name=name, platform="linux/amd64"), name=f"FROM {name}")


def run(text, *inputs, env=(), mounts=(), name="", **fields):
    root = ExecMount(kind="bind", target="/", input=0 if inputs else -1, output=0)
    op = Exec(args=("/bin/sh", "-c", text), env=tuple(env), mounts=(root, *mounts))
    return Vertex(op, tuple(edge(one) for one in inputs), name=name or f"RUN {text}", **fields)


def copy(source, base, files, destination="/", name="", **fields):
    action = Copying(input=1, sources=(source,), destination=destination)
    return Vertex(
        FileOp(actions=(action,)),
        (edge(base), edge(files)),
        name=name or f"COPY {source}",
        **fields,
    )


def context(unique="one"):
    return Vertex(LocalSource(name="context", unique=unique), name="context")
