"""F41: a daemon that is killed in the middle of builds takes their steps with it.

The next one finds all that is left, and nothing stays.

What whole builds do when a client goes, or many come at once, is in the other tests of F41.
"""

import os
import random
import signal
import time
from subprocess import TimeoutExpired

import pytest
from bed import wait_until
from build_bed import SLEEP, build_bed, sleepers  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


def test_a_killed_daemon_takes_its_steps_with_it(build_bed):  # noqa: F811
    process = build_bed.script(
        """
        import asyncio, sys
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import Secret

        async def main(engine, world):
            from build_world import Log
            log = Log()
            task = asyncio.ensure_future(world.step(f"echo go; sleep {world.facts['sleep']}",
                M(kind="bind", target="/b", input=1), M(kind="secret", target="/s", id="s"),
                inputs=[world.base], log=log, session=world.session(secrets={"s": Secret(b"x")})))
            await log.first.wait()
            sys.stdout.write("running\\n")
            sys.stdout.flush()
            await task
    """,
        sleep=SLEEP,
    )
    assert process.stdout.readline() == b"running\n"
    wait_until("the step runs", sleepers)
    begun = time.monotonic()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    while sleepers():
        assert time.monotonic() < begun + 5
    assert build_bed.left()
    build_bed.run("""
        async def main(engine, world):
            await world.step("true")
    """)
    assert build_bed.left() == []


def test_killed_at_any_moment(build_bed):  # noqa: F811
    """Four daemons, one after the other; each finds what the last one left."""
    chance = random.Random(41)
    for _ in range(4):
        process = build_bed.script("""
            import asyncio, sys
            from baleen.build.graph import ExecMount as M
            from baleen.build.session import Secret

            async def steps(world, number):
                tree = world.base
                while True:
                    (tree,) = await world.step(
                        f"echo {number} > /n; sleep 0.01 & sleep 0.002",
                        M(kind="bind", target="/b", input=1), M(kind="cache", target="/c"),
                        M(kind="secret", target="/s", id="s"), M(kind="tmpfs", target="/t"),
                        tree=tree, inputs=[world.base],
                        session=world.session(secrets={"s": Secret(b"x")}))

            async def main(engine, world):
                sys.stdout.write("running\\n")
                sys.stdout.flush()
                async with asyncio.TaskGroup() as group:
                    for number in range(3):
                        group.create_task(steps(world, number))
        """)
        assert process.stdout.readline() == b"running\n"
        with pytest.raises(TimeoutExpired):
            process.communicate(timeout=chance.uniform(0.02, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)
    found = build_bed.run("""
        async def main(engine, world):
            (tree,) = await world.step("echo 1 > /x; cat /c/* 2>/dev/null; true")
            world.trees.unpack(tree)
            return world.names(tree)
    """)
    assert found == ["x"]
    assert build_bed.left() == []
