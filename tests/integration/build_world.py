"""The process behind `build_bed`: an engine, and the parts of it that make RUN."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Log:
    """Implements `build.interfaces.Report`."""

    out: bytes = b""
    err: bytes = b""
    first: asyncio.Event = field(default_factory=asyncio.Event)

    def log(self, stream: int, data: bytes) -> None:
        if stream == 1:
            self.out += data
        else:
            self.err += data
        self.first.set()

    def status(self, text: str) -> None:
        pass


class World:
    """What a script works with.

    Attributes:
        base: the tree of busybox.
        last: the report of the last step.
    """

    def __init__(self, engine, lease, facts):
        self.engine, self.lease, self.facts = engine, lease, facts
        parts = engine.builds.parts
        self.trees, self.execs, self.caches = parts.trees, parts.execs, parts.caches
        self.images = engine._images
        self.last = Log()
        self.base = self.tree_of(self.images.resolve("busybox"))

    @staticmethod
    def tree_of(image):
        from baleen.build.trees import Tree

        return Tree(tuple(image.manifest.layers), image.config.diff_ids)

    def session(self, **fields):
        from baleen.build.session import Session

        return Session(id="test", lease=self.lease, **fields)

    async def step(self, command, *mounts, tree=None, session=None, inputs=(), log=None, **fields):
        """Run a shell command in a tree; return the trees of its outputs."""
        from baleen.build.graph import Exec, ExecMount, Vertex

        args = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        root = ExecMount(kind="bind", target="/", input=0, output=0)
        fields.setdefault("env", ("PATH=/bin:/sbin:/usr/bin",))
        op = Exec(args=args, mounts=(root, *mounts), **fields)
        self.last = log or Log()
        return await self.execs.run(
            Vertex(op), [tree or self.base, *inputs], session or self.session(), self.last
        )

    async def fails(self, *args, **fields):
        """Run a step that has to fail; return the class and text of the error."""
        try:
            await self.step(*args, **fields)
        except Exception as err:  # whatever it is, the test looks at it
            return [type(err).__name__, str(err)]
        raise AssertionError("the step has not failed")

    async def container(self, command, **host):
        """Run a shell command in a container, as `docker run` does; return its output."""
        import msgspec

        from baleen.api.containers import ContainerCreateBody

        wanted = {"Image": "busybox", "Cmd": ["/bin/sh", "-c", command], "HostConfig": host}
        body = msgspec.convert(wanted, ContainerCreateBody)
        made = await self.engine.container_create(None, body, "")
        await self.engine.container_start(made.id)
        await self.engine.container_wait(made.id, "not-running")
        log = _text(self.engine._store.get(made.id).log_path)
        await self.engine.container_remove(made.id, force=True, volumes=True, link=False)
        return "".join(json.loads(line)["log"] for line in log.splitlines())

    def members(self, tree):
        """Names in the archive of the top layer."""
        import io
        import tarfile

        blob = self.engine._content.read(tree.layers[-1].digest, limit=64 << 20)
        return tarfile.open(fileobj=io.BytesIO(blob)).getmembers()

    def names(self, tree):
        return [member.name for member in self.members(tree)]


def _text(path):
    return Path(path).read_text()


async def _orders():
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _run(engine, order):
    spec = importlib.util.spec_from_file_location("script", order["script"])
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with engine._images.changing() as lease:
        return await script.main(engine, World(engine, lease, order["facts"]))


async def serve(request, zygote, ids):
    from baleen.engine.config import EngineConfig
    from baleen.engine.engine import Engine

    zygote.watch(asyncio.get_running_loop())
    place = Path(request["place"]) / request["facts"].get("root", ".")
    place.mkdir(exist_ok=True)
    for name in ("data", "exec"):
        (place / name).mkdir(exist_ok=True)
    config = EngineConfig(
        data_root=place / "data",
        exec_root=place / "exec",
        cgroup_parent=request["cgroup"],
        bridge=request["bridge"],
        bip="10.213.0.1/24",
        storage_driver=request["facts"].get("driver", ""),
        **({} if ids is None else {"remapping": ids}),
    )
    engine = Engine(config, zygote)
    try:
        await engine.start()
        reader = await _orders()
        while line := await reader.readline():
            order = json.loads(line)
            try:
                answer = {"result": await _run(engine, order)}
            except Exception:  # the test shows it
                answer = {"error": traceback.format_exc()}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    finally:
        await engine.close()


def main():
    from baleen.daemon.main import _prepare_process
    from baleen.daemon.zygote_process import ZygoteProcess

    request = json.loads(sys.argv[1])
    _prepare_process()
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    with ExitStack() as stack:
        ids = None
        if request["facts"].get("remap"):
            from baleen.engine.remapping import Remapping
            from baleen.runtime.id_mapping import IdMapping, IdMappings, new_user_namespace

            mappings = IdMappings((IdMapping(0, 200_000, 65536),), (IdMapping(0, 200_000, 65536),))
            ids = Remapping(mappings, stack.enter_context(new_user_namespace(mappings)).fileno())
        zygote = ZygoteProcess()
        zygote.start()
        stack.callback(zygote.stop)
        asyncio.run(serve(request, zygote, ids))


if __name__ == "__main__":
    main()
