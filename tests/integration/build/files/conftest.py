"""Executors on a real content store and snapshotter; what they make is looked at on disk."""

import io
import os
import tarfile
from contextlib import contextmanager

import pytest
from tests.stdlib_tars import context_of

from baleen.build.files.archive_tree import read_archive
from baleen.build.files.file_ops import FileOps
from baleen.build.files.inputs import inputs_of
from baleen.build.files.spooling import spool_file
from baleen.build.files.threads import Workers
from baleen.build.graph import Edge, FileOp, LocalSource, Vertex
from baleen.build.session import LocalDirectory, Session
from baleen.build.tree_store import TreeStore
from baleen.build.trees import EMPTY
from baleen.content import ContentStore
from baleen.images.unpacking import Turns, Unpacking
from baleen.snapshots import OverlaySnapshotter


class Report:
    def __init__(self):
        self.said = []

    def log(self, stream, data):
        self.said.append((stream, data))

    def status(self, text):
        self.said.append(text)


class World:
    def __init__(self, place):
        self.place = place
        self.content = ContentStore(place / "content")
        self.content.start()
        self.snapshots = OverlaySnapshotter(place / "snapshots", sync_delay_s=None)
        self.snapshots.start()
        self.turns = Turns()
        self.unpacked = 0
        self.store = TreeStore(self.content, self.snapshots, self._unpacking)
        self.workers = Workers(2)
        self.directory = place / "contexts"
        self.ops = FileOps(self.store, self.content, self.directory, self.workers)
        self.report = Report()
        with self.content.lease() as lease:
            self.session = Session(id="b", lease=lease)
        self._trees = []

    @contextmanager
    def _unpacking(self, variant):
        self.unpacked += 1
        with Unpacking(self.content, self.snapshots, variant, self.turns) as unpacking:
            yield unpacking

    def context(self, data):
        """Return a context out of an archive."""
        tree = read_archive([data], spool_file(self.directory))
        self._trees.append(tree)
        return LocalDirectory(self.directory / "b", source=tree)

    async def do(self, *actions, base=EMPTY, sources=(), word="COPY", scratch=False):
        """Run a file operation on a tree."""
        local = Vertex(LocalSource(name="context", unique="u"))
        inputs = [*([] if scratch else [base]), *sources]
        vertex = Vertex(
            FileOp(actions=actions, scratch=scratch),
            tuple(Edge(local) for _ in inputs),
            name=f"[1/1] {word} x",
        )
        (tree,) = await self.ops.run(vertex, inputs, self.session, self.report)
        return tree

    def archive(self, tree, layer=-1):
        """Return the headers of a layer's archive by name."""
        data = b"".join(self.content.chunks(tree.layers[layer].digest))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return {info.name: info for info in archive}

    @contextmanager
    def mounted(self, tree):
        """Give a path to look at the tree on disk."""
        with self.store.open_tree(tree) as root:
            yield f"/proc/self/fd/{root.fileno()}"

    def close(self):
        for tree in self._trees:
            tree.close()
        for tree in inputs_of(self.session, self.store)._stored.values():
            assert tree._fd is None
        self.workers.close()


@pytest.fixture
def world(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root: overlay is real")
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def make_tar():
    return context_of
