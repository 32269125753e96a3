"""Dockerfiles through lowering, solver, and the real executors: trees and configs as asked."""

import textwrap

import pytest

pytestmark = pytest.mark.integration

PRELUDE = """
import time
from pathlib import Path
from baleen.build.dockerfile.parser import parse
from baleen.build.lowering.lower import lower
from baleen.build.options import BuildOptions
from baleen.build.session import LocalDirectory


class Builder:
    def __init__(self, engine, world):
        self.world, self.engine = world, engine
        self.solver, self.images = engine.builds.parts.solver, engine.builds.parts.resolver

    async def build(self, text, files=None, why=False, **options):
        context = Path(self.engine.config.data_root) / f"context-{time.time_ns()}"
        for name, data in (files or {}).items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(data)
        context.mkdir(exist_ok=True)
        session = self.world.session(locals={"context": LocalDirectory(context)})
        plan = await lower(parse(text), BuildOptions(**options), self.images, session)
        session.epoch_ns = plan.epoch_ns
        self.events = []
        solution = await self.solver.solve([plan.target], session, self.events.append, why=why)
        self.plan, self.solution = plan, solution
        self.config = plan.image_config(solution.tree, solution.created_ns, time.time_ns())
        self.ran = [
            event.vertex.name for event in self.events
            if type(event).__name__ == "Completed" and event.verdict is not None
        ]
        return solution.tree(plan.target)

    async def say(self, tree, command):
        await self.world.step(command, tree=tree)
        return self.world.last.out.decode()


async def begun(b, text, name):
    # A build to be awaited, and its events.
    session = b.world.session()
    plan = await lower(parse(text), BuildOptions(), b.images, session)
    events = []
    return b.solver.solve([plan.target], session, events.append), events


def said(events):
    return "".join(e.data.decode() for e in events if type(e).__name__ == "Log")
"""


def in_engine(bed, body):
    return bed.run(whole(body))


def whole(body):
    lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    return f"{PRELUDE}\n\nasync def main(engine, world):\n    b = Builder(engine, world)\n{lines}\n"


def test_a_whole_build_and_again(build_bed):
    found = in_engine(
        build_bed,
        '''
        text = """
        FROM busybox
        ENV GREETING=hello
        WORKDIR /app
        COPY a.txt sub/ ./
        RUN echo "$GREETING $(cat a.txt)" > out && mkdir -m 1777 /tmp2
        USER 12:34
        RUN id -u > /tmp2/who
        CMD ["cat", "out"]
        """
        files = {"a.txt": "A", "sub/b.txt": "B"}
        tree = await b.build(text, files)
        said = await b.say(tree, "cat /app/out /app/b.txt /tmp2/who")
        first, config = b.ran, b.config
        again = await b.build(text, files)
        return [said, first, b.ran, again == tree, b.config == config,
                config.config.cmd, len(config.rootfs.diff_ids), len(config.history)]
    ''',
    )
    said, first, second, same, same_config, cmd, layers, history = found
    assert said == "hello A\nB12\n"
    assert len(first) == 4
    assert second == []
    assert same
    assert same_config
    assert cmd == ["cat", "out"]
    assert history >= 7
    assert layers >= 5
    assert build_bed.left() == []


def test_stages_mounts_heredocs_and_links(build_bed):
    found = in_engine(
        build_bed,
        '''
        text = """
        FROM busybox AS one
        RUN <<EOF
        mkdir /out
        echo made > /out/file
        chown 7:8 /out/file
        EOF
        FROM busybox AS two
        RUN --mount=type=bind,from=one,source=/out,target=/in cat /in/file > /two
        RUN --mount=target=/ctx cat /ctx/a.txt >> /two
        FROM busybox
        COPY --from=one /out /copied
        COPY --link --from=two /two /linked/two
        COPY <<A <<"B" /docs/
        value $HOME
        A
        value $HOME
        B
        ADD --chown=5:6 --chmod=600 a.txt /owned
        RUN <<EOF
        #!/bin/sh
        echo script > /script
        EOF
        """
        tree = await b.build(textwrap.dedent(text), {"a.txt": "A"})
        return await b.say(
            tree,
            "cat /copied/file /linked/two; echo; cat /docs/A /docs/B /script;"
            " stat -c '%u:%g %a' /copied/file /owned",
        )
    '''.replace("textwrap.dedent(text)", "__import__('textwrap').dedent(text)"),
    )
    assert found.splitlines() == [
        "made",
        "made",
        "A",
        "value ",
        "value $HOME",
        "script",
        "7:8 644",
        "5:6 600",
    ]
    assert build_bed.left() == []


def test_a_miss_is_explained(build_bed):
    found = in_engine(
        build_bed,
        """
        text = "FROM busybox\\nARG V\\nCOPY . /src\\nRUN echo $V > /v"
        await b.build(text, {"a": "1", "b": "1"}, build_args={"V": "1"})
        await b.build(text, {"a": "1", "b": "2"}, why=True, build_args={"V": "1"})
        copied = b.solution.verdict(b.plan.steps[2].vertex)
        await b.build(text, {"a": "1", "b": "2"}, why=True, build_args={"V": "2"})
        run = b.solution.verdict(b.plan.steps[3].vertex)
        return [[(c.kind, c.subject) for c in v.changes] for v in (copied, run)] + [
            [copied.reason, run.reason]
        ]
    """,
    )
    assert found == [
        [["file", "b"]],
        [["environment", "V"]],
        ["file b changed", "variable V changed"],
    ]


def test_a_step_that_fails_is_named_and_leaves_nothing(build_bed):
    found = in_engine(
        build_bed,
        """
        from baleen.errors import BaleenError
        try:
            await b.build("FROM busybox\\nRUN echo x > /x\\nRUN exit 3")
        except BaleenError as err:
            return [err.message, err.details["step"], err.details["line"]]
    """,
    )
    assert found[0] == "The command '/bin/sh -c exit 3' returned a non-zero code: 3"
    assert found[1:] == ["[3/3] RUN exit 3", "3"]
    assert build_bed.left() == []


def test_builds_at_the_same_time_run_a_step_once_and_one_may_leave(build_bed):
    found = in_engine(
        build_bed,
        """
        import asyncio
        text = "FROM busybox\\nRUN echo begun; sleep 0.5; date +%N > /when"
        one, two = [await begun(b, text, name) for name in ("one", "two")]
        async with asyncio.timeout(20):
            first, second = asyncio.ensure_future(one[0]), asyncio.ensure_future(two[0])
            while not (said(one[1]) and said(two[1])):
                await asyncio.sleep(0.01)
            first.cancel()
            tree = await second
            await asyncio.wait([first])
        return [first.cancelled(), said(two[1]), len(b.solver.flights),
                sum("/when" in r.description for r in engine.builds.parts.cache.records())]
    """,
    )
    assert found == [True, "begun\n", 0, 1]
    assert build_bed.left() == []


def test_kill_9_in_the_middle_loses_nothing_that_was_done(build_bed):
    text = "FROM busybox\\nRUN echo 1 > /one\\nRUN echo begun; sleep 60"
    body = f"""
        import asyncio, os, signal
        build, events = await begun(b, "{text}", "one")
        task = asyncio.ensure_future(build)
        while not said(events):
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with build_bed.script(whole(body)) as process:
        process.communicate(timeout=60)
    assert process.returncode == -9
    ran = in_engine(
        build_bed,
        """
        await b.build("FROM busybox\\nRUN echo 1 > /one\\nRUN echo 2")
        return b.ran
    """,
    )
    assert ran == ["[3/3] RUN echo 2"]
    assert build_bed.left() == []
