"""A build's process is run as a container's, and nobody sees a container."""

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


def test_nobody_sees_a_run(build_bed):  # noqa: F811
    found = build_bed.run("""
        import asyncio

        async def main(engine, world):
            from build_world import Log
            log = Log()
            task = asyncio.ensure_future(world.step("echo go; sleep 0.2", log=log))
            await log.first.wait()
            bridge = engine._networks.resolve("bridge")
            during = len(engine._networks.endpoints(bridge.id))
            containers = len(list(engine._store))
            await task
            return [during, len(engine._networks.endpoints(bridge.id)), containers]
    """)
    assert found == [1, 0, 0]
    assert build_bed.left() == []


def test_a_step_that_cannot_start_gives_its_address_back(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            for _ in range(3):
                await world.fails(("/nowhere",))
            bridge = engine._networks.resolve("bridge")
            return len(engine._networks.endpoints(bridge.id))
    """)
    assert found == 0


def test_a_step_joins_a_containers_network(build_bed):  # noqa: F811
    found = build_bed.run("""
        import msgspec
        from baleen.api.containers import ContainerCreateBody

        async def main(engine, world):
            body = msgspec.convert({"Image": "busybox", "Cmd": ["sleep", "1000"]},
                ContainerCreateBody)
            made = await engine.container_create("peer", body, "")
            session = world.session(network_mode="container:peer")
            stopped = await world.fails("true", session=session)
            await engine.container_start(made.id)
            await world.step("ip -o addr show eth0; cat /etc/hosts",
                session=session)
            seen = world.last.out.decode()
            address = engine._store.get("peer").active_endpoints[0].ipv4
            await engine.container_remove(made.id, force=True, volumes=True, link=False)
            return [stopped, seen.count(address)]
    """)
    assert "cannot join network namespace of a non running container" in found[0][1]
    assert found[1] >= 2


def test_bad_limits_are_refused(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.session import Limits

        async def main(engine, world):
            return [await world.fails("true", session=world.session(limits=limits)) for limits in (
                Limits(memory_bytes=1), Limits(cpuset_cpus="0-99999"),
                Limits(ulimits=(("nothing", 1, 1),)))]
    """)
    assert {name for name, _ in found[:2]} == {"InvalidArgument"}
    assert "Minimum memory limit allowed is 6MB" in found[0][1]
