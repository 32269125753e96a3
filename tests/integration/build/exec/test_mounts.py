"""`RUN --mount`: caches, and what goes wrong. The rest is in `test_executor`, B05 and B08."""

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


def test_a_cache_is_kept_and_in_no_layer(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            cache = lambda target="/c", **more: M(kind="cache", target=target, cache_id="k", **more)
            seen = []
            for _ in range(2):
                (tree,) = await world.step("ls /c; stat -c '%a %u %g' /c; echo 1 > /c/kept",
                    cache(uid=5, gid=6, mode=0o700))
                seen.append([world.last.out.decode(), world.names(tree)])
            await world.step("ls /c", cache())  # another owner: another cache
            seen.append(world.last.out.decode())
            await world.step("echo x 2>&- > /c/x || echo refused", cache(readonly=True))
            seen.append(world.last.out.decode())
            await world.step("echo 1 > /a/x; cat /b/x", cache("/a", sharing="locked"),
                cache("/b", sharing="locked"))
            seen.append(world.last.out.decode())
            return seen
    """)
    assert found[0] == ["700 5 6\n", []]
    assert found[1] == ["kept\n700 5 6\n", []]
    assert found[2:] == ["", "refused\n", "1\n"]
    assert build_bed.left() == []


def test_a_cache_begins_as_a_part_of_a_tree(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            (other,) = await world.step("mkdir -p /seed/d; echo 1 > /seed/d/f")
            mount = M(kind="cache", target="/c", cache_id="seeded", input=1, source="/seed")
            await world.step("cat /c/d/f; echo 2 > /c/d/f", mount, inputs=[other])
            first = world.last.out.decode()
            await world.step("cat /c/d/f", mount, inputs=[other])
            missing = M(kind="cache", target="/c", cache_id="x", input=1, source="/none")
            second = world.last.out.decode()
            return [first, second, await world.fails("true", missing, inputs=[other])]
    """)
    assert found[:2] == ["1\n", "2\n"]
    assert found[2][0] == "NotFound"


def test_two_steps_take_two_caches_in_one_order(build_bed):  # noqa: F811
    build_bed.run("""
        import asyncio
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            def mounts(*names):
                return [M(kind="cache", target=f"/{n}", cache_id=n, sharing="locked")
                        for n in names]

            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(world.step("true", *mounts("a", "b")))
                    group.create_task(world.step("true", *mounts("b", "a")))
    """)


def test_mounts_inside_of_mounts(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            (tree,) = await world.step("touch /outer/inner/x; ls /outer",
                M(kind="tmpfs", target="/outer/inner"), M(kind="bind", target="/outer", input=1),
                inputs=[world.base])
            return [world.names(tree), "inner" in world.last.out.decode().split()]
    """)
    assert found == [[], True]


def test_nothing_is_mounted_over_the_root_or_in_proc(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            return [(await world.fails("true", M(kind="tmpfs", target=target)))[1]
                    for target in ("/", "//", "/a/..", "/proc", "/proc/sys")]
    """)
    assert found[:3] == [f'invalid mount target "{target}"' for target in ("/", "//", "/a/..")]
    assert "inside /proc" in found[4]
    assert build_bed.left() == []
