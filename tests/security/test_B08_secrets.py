"""B08: secrets and agents are in no layer, cache, log, error or file of the daemon."""

from __future__ import annotations

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration

MARK = "s3cr3t-m4rk"


def test_a_secret_is_seen_by_the_step_alone(build_bed):  # noqa: F811
    found = build_bed.run(
        """
        import os
        from pathlib import Path
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import Secret

        def on_disk():
            # While the step runs: files of ours that are not in memory.
            return [str(p) for p in Path(world_place).rglob("*")
                    if p.is_file() and mark in p.read_bytes() and os.statvfs(p).f_fsid is not None
                    and "script" not in p.name and device(p) == device(Path(world_place))]

        def device(path):
            return os.stat(path).st_dev

        async def main(engine, world):
            global mark, world_place
            mark = bytes.fromhex(world.facts["mark"])
            world_place = world.facts["place"]
            from build_world import Log
            import asyncio
            session = world.session(secrets={"k": Secret(mark)})
            mounts = (M(kind="secret", target="/run/secrets/k", id="k", uid=1, gid=2),
                      M(kind="secret", target="", id="k", env="KEY"),
                      M(kind="secret", target="/mode", id="k", mode=0o444),
                      M(kind="secret", target="/none", id="absent"))
            log = Log()
            task = asyncio.ensure_future(world.step(
                "stat -c '%a %u %g' /run/secrets/k /mode; "
                "test $KEY = $(cat /run/secrets/k) && echo same; "
                "ls /none 2>&1; mount | grep -c 'tmpfs on /run/secrets/k .*ro'; "
                "echo x 2>&- > /mode || echo refused; touch /here; sleep 0.2",
                *mounts, session=session, log=log))
            await log.first.wait()
            while_running = on_disk()
            (tree,) = await task
            failed = await world.fails("cat /run/secrets/k > /dev/null; false", *mounts,
                session=session)
            needed = M(kind="secret", target="/s", id="no", required=True)
            absent = await world.fails("true", needed)
            return [world.names(tree), log.out.decode(), while_running, failed, absent,
                    repr(session)]
        """,
        mark=MARK.encode().hex(),
        place=str(build_bed.place),
    )
    names, out, while_running, failed, absent, shown = found
    assert names == ["here"]
    assert out.splitlines()[:3] == ["400 1 2", "444 0 0", "same"]
    assert "No such file" in out
    assert out.splitlines()[-1] == "refused"
    assert while_running == []
    assert failed[0] == "CommandFailed"
    assert MARK not in failed[1]
    assert MARK not in shown
    assert absent == ["NotFound", "secret no: not found: give it with --secret"]
    assert MARK not in build_bed.errors
    assert build_bed.holding(MARK.encode()) == []
    assert build_bed.left() == []


def test_values_of_predefined_arguments_are_in_no_file(build_bed):  # noqa: F811
    found = build_bed.run(
        """
        from baleen.build.graph import Exec, ExecMount, Vertex, encode_op

        async def main(engine, world):
            value = "http://u:" + bytes.fromhex(world.facts["mark"]).decode() + "@proxy"
            env = ("PATH=/bin", f"http_proxy={value}")
            (tree,) = await world.step("echo ${#http_proxy}", env=env, proxy_env=("http_proxy",))
            op = Exec(args=("a",), mounts=(), env=env, proxy_env=("http_proxy",))
            return [world.last.out.decode(), encode_op(op).decode(), world.names(tree)]
        """,
        mark=MARK.encode().hex(),
    )
    assert found[0] == f"{len(MARK) + 15}\n"
    assert MARK not in found[1]
    assert build_bed.holding(MARK.encode()) == []
    assert MARK not in build_bed.errors


def test_an_agents_socket_belongs_to_the_step_and_leaves_nothing(build_bed, tmp_path):  # noqa: F811
    found = build_bed.run(
        """
        import asyncio
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            path = world.facts["agent"]
            server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
            target = "/run/buildkit/ssh_agent.0"
            mount = M(kind="ssh", target=target, id="default", uid=1, mode=0o600)
            (tree,) = await world.step(
                "stat -c '%F %a %u' $SSH_AUTH_SOCK; touch /here",
                mount, session=world.session(ssh={"default": path}), user="0")
            out = world.last.out.decode()
            none = await world.fails("true", M(kind="ssh", target="/s", required=True))
            await world.step("echo $SSH_AUTH_SOCK", mount)
            server.close()
            return [out, world.names(tree), none, world.last.out.decode()]
        """,
        agent=str(tmp_path / "agent"),
    )
    assert found[0] == "socket 600 1\n"
    assert found[1] == ["here"]
    assert found[2][0] == "NotFound"
    assert found[3] == "\n"
    assert build_bed.left() == []
