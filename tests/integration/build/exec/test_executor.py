"""RUN, with a real engine, zygote, and kernel."""

import pytest
from build_bed import SLEEP, build_bed, sleepers  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def nothing_is_left(build_bed):  # noqa: F811
    yield
    assert build_bed.left() == []


def test_a_command_changes_the_tree(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            (tree,) = await world.step("echo hi; echo bad >&2; echo x > /made; rm /etc/passwd")
            streams = [world.last.out.decode(), world.last.err.decode()]
            (after,) = await world.step("cat /made", tree=tree)
            return [streams, world.names(tree), world.last.out.decode(), world.names(after)]
    """)
    assert found == [["hi\n", "bad\n"], ["etc", "etc/.wh.passwd", "made"], "x\n", []]


def test_what_the_process_sees(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            await world.step("env; pwd; hostname; id; cat /etc/hosts; true",
                env=("PATH=/bin", "A=b c"), cwd="/some/where", user="daemon",
                extra_hosts=("db:192.0.2.7",))
            lines = world.last.out.decode().splitlines()
            await world.step("cat; wc -c < /dev/stdin", stdin=b"line\\n")
            heredoc = world.last.out.decode()
            await world.step("wc -c")
            return [lines, heredoc, world.last.out.decode()]
    """)
    lines = found[0]
    assert "A=b c" in lines
    assert "/some/where" in lines
    assert "buildkitsandbox" in lines
    assert not [line for line in lines if line.startswith("HOSTNAME=")]
    assert [line for line in lines if line.startswith("uid=1(daemon)")]
    assert [line for line in lines if line.split() == ["192.0.2.7", "db"]]
    assert found[1:] == ["line\n0\n", "0\n"]


def test_failures_have_dockers_words(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            return [
                await world.fails("exit 3"),
                await world.fails(("/nowhere", "x")),
                await world.fails(("/etc/passwd",)),
                await world.fails("true", user="nobody-here"),
            ]
    """)
    assert found[0] == [
        "CommandFailed",
        "The command '/bin/sh -c exit 3' returned a non-zero code: 3",
    ]
    assert found[1][0] == "StartFailed"
    assert "no such file or directory" in found[1][1]
    assert "permission denied" in found[2][1]
    assert "unable to find user nobody-here" in found[3][1]


def test_a_failed_root_can_be_kept(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            session = world.session(extra={"keep_failed": True})
            error = await world.fails("echo 1 > /trace; false", session=session)
            await world.step("cat /trace", tree=session.extra["failed"])
            return [error[0], world.last.out.decode()]
    """)
    assert found == ["CommandFailed", "1\n"]


@pytest.mark.parametrize("driver", ["", "vfs"])
def test_no_place_of_a_mount_is_in_the_layer(build_bed, driver):  # noqa: F811
    script = """
        import shutil
        from pathlib import Path
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import Secret

        async def main(engine, world):
            with world.trees.draft(world.base, world.lease) as draft:
                root = Path(f"/proc/self/fd/{draft.root.fileno()}")
                for name in ("etc", "proc"):
                    if (root / name).exists():
                        shutil.rmtree(root / name)
                (root / "etc").mkdir()
                (root / "etc").chmod(0o711)
                (root / "real").mkdir()
                (root / "real").chmod(0o750)
                (root / "link").symlink_to("/real")
                tree = draft.commit()
            session = world.session(secrets={"s": Secret(b"x")})
            (after,) = await world.step(
                "ls -d /link/deep/place /a/b /run/secrets/s /etc/hosts; stat -c %a /real; "
                "echo 1 > /real/kept; echo 1 > /etc/kept",
                M(kind="tmpfs", target="/link/deep/place"),
                M(kind="cache", target="/a/b", cache_id="c"),
                M(kind="secret", target="/run/secrets/s", id="s"),
                tree=tree, session=session,
            )
            seen = world.last.out.decode() + world.last.err.decode()
            assert "No such" not in seen, seen
            await world.step("find / -xdev | sort; stat -c %a /real /etc", tree=after)
            return [world.names(after), world.last.out.decode().splitlines()]
    """
    names, lines = build_bed.run(script, driver=driver, root=driver or ".")
    assert names == ["etc", "etc/kept", "real", "real/kept"]
    assert not {"/a", "/run", "/real/deep"} & set(lines)
    assert lines[-2:] == ["750", "711"]


def test_trees_are_bound(build_bed):  # noqa: F811
    found = build_bed.run(
        """
        from pathlib import Path
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import LocalDirectory

        async def main(engine, world):
            (other,) = await world.step("mkdir -p /d/e; echo 1 > /d/e/f; echo 2 > /g")
            inputs = [other]
            bind = lambda target, source="/", **more: M(
                kind="bind", target=target, input=1, source=source, **more)
            seen = []
            (after,) = await world.step(
                "cat /m/e/f /m2 /m3/d/e/f; echo x > /m/new; cat /m/new; "
                "echo no 2>&- > /m3/x || echo refused",
                bind("/m", "/d"), bind("/m2", "/g", readonly=True), bind("/m3", readonly=True),
                inputs=inputs,
            )
            seen.append([world.last.out.decode(), world.names(after)])
            await world.step("ls /m", bind("/m", "/d", readonly=True), inputs=inputs)
            seen.append(world.last.out.decode())
            seen.append(await world.fails("ls", bind("/m", "/absent"), inputs=inputs))
            place = Path(world.facts["context"])
            place.mkdir()
            (place / "file").write_text("here")
            local = LocalDirectory(place)
            await world.step("cat /c/file; echo > /c/new; ls /c",
                bind("/c"), inputs=[local])
            seen.append([world.last.out.decode(), sorted(p.name for p in place.iterdir())])
            await world.step("cat /c; touch /c 2>&- || echo refused",
                bind("/c", "/file", readonly=True), inputs=[local])
            seen.append(world.last.out.decode())
            await world.step("ls /empty", M(kind="bind", target="/empty"))
            return seen
    """,
        context=str(build_bed.place / "context"),
    )
    assert found[0] == ["1\n2\n1\nx\nrefused\n", []]
    assert found[1] == "e\n"
    assert found[2] == ["NotFound", 'cannot mount "/absent" at /m: no such file or directory']
    assert found[3] == ["herefile\nnew\n", ["file"]]
    assert found[4] == "hererefused\n"


def test_writes_into_a_bind_can_be_an_output(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            (other,) = await world.step("mkdir /d")
            root, out = await world.step("echo 1 > /o/d/made",
                M(kind="bind", target="/o", input=1, output=1), inputs=[other])
            return [world.names(root), world.names(out), len(out.layers) - len(other.layers)]
    """)
    assert found == [[], ["d", "d/made"], 1]


def test_a_tmpfs_has_its_size(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            (after,) = await world.step("df -k /t | tail -1; echo 1 > /t/x",
                M(kind="tmpfs", target="/t", size_bytes=1 << 20))
            return [world.last.out.decode().split()[1], world.names(after)]
    """)
    assert found == ["1024", []]


def test_networks(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            seen = []
            await world.step("ip addr | grep inet; ping -c1 -W2 10.213.0.1 >/dev/null && echo ok")
            seen.append(world.last.out.decode())
            await world.step("ip link | wc -l", network="none")
            seen.append(world.last.out.decode().strip())
            seen.append(await world.fails("true", network="host"))
            session = world.session(entitlements=frozenset({"network.host"}))
            await world.step("ip link", network="host", session=session)
            seen.append(engine.config.bridge in world.last.out.decode())
            await world.step("ip link", session=world.session(network_mode="host"))
            seen.append(engine.config.bridge in world.last.out.decode())
            seen.append(await world.fails("true", session=world.session(network_mode="nowhere")))
            return seen
    """)
    assert "10.213.0." in found[0]
    assert found[0].endswith("ok\n")
    assert found[1] == "2"  # lines of lo
    assert found[2][0] == "PermissionDenied"
    assert found[2][1].startswith("network.host is not allowed")
    assert found[3:5] == [True, True]
    assert "network nowhere not found" in found[5][1]


def test_limits(build_bed):  # noqa: F811
    found = build_bed.run("""
        from baleen.build.session import Limits

        async def main(engine, world):
            limits = Limits(memory_bytes=32 << 20, memory_swap_bytes=32 << 20,
                ulimits=(("nofile", 77, 88),), shm_size_bytes=2 << 20)
            session = world.session(limits=limits)
            await world.step("ulimit -n; df -k /dev/shm | tail -1", session=session)
            seen = world.last.out.decode().split()
            error = await world.fails("tail /dev/zero", session=session)
            return [seen[0], seen[2], error]
    """)
    assert found[:2] == ["77", "2048"]
    assert "returned a non-zero code: 137: it was killed because it took more memory" in found[2][1]


def test_steps_run_side_by_side(build_bed):  # noqa: F811
    found = build_bed.run("""
        import asyncio

        async def main(engine, world):
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(world.step(
                        f"echo {n} > /n; nc -l -p 80 >/dev/null & sleep 0.1; kill $!"))
                    for n in range(6)
                ]
            return [len({task.result()[0].diff_ids[-1] for task in tasks}), len(tasks)]
    """)
    assert found == [6, 6]


def test_a_cancelled_step_is_gone_within_a_second(build_bed):  # noqa: F811
    took = build_bed.run(
        """
        import asyncio, time
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            from build_world import Log
            log, n = Log(), world.facts["sleep"]
            task = asyncio.ensure_future(world.step(
                f"trap '' TERM INT; (setsid sleep {n} &) ; echo go; sleep {n}",
                M(kind="bind", target="/b", input=1, readonly=True),
                M(kind="cache", target="/c"),
                inputs=[world.base], log=log))
            await asyncio.wait_for(log.first.wait(), 10)
            begun = time.monotonic()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                took = time.monotonic() - begun
            return took
    """,
        sleep=SLEEP,
    )
    assert took < 1
    assert sleepers() == []


def test_cancelled_at_any_moment_nothing_is_left(build_bed):  # noqa: F811
    build_bed.run("""
        import asyncio
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            for number in range(30):
                task = asyncio.ensure_future(world.step("sleep 0.01",
                    M(kind="bind", target="/b", input=1), inputs=[world.base]))
                done, _ = await asyncio.wait([task], timeout=number / 1000)
                task.cancel()
                await asyncio.wait([task])
    """)


def test_remapped_processes_make_layers_of_the_images_ids(build_bed):  # noqa: F811
    found = build_bed.run(
        """
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import Secret

        async def main(engine, world):
            session = world.session(secrets={"s": Secret(b"hidden")})
            (tree,) = await world.step(
                "cat /proc/self/uid_map; echo x > /x; chown 5:6 /x; stat -c '%u %g' /b/etc /c /s; "
                "echo > /b/etc/new; cat /s; echo 1 > /c/1; mkdir /q",
                M(kind="bind", target="/b", input=1),
                M(kind="cache", target="/c", uid=3, gid=4),
                M(kind="secret", target="/s", id="s", uid=7),
                inputs=[world.base], session=session)
            await world.step("stat -c '%u %g' /x /q /etc", tree=tree)
            return [[[m.name, m.uid, m.gid] for m in world.members(tree)],
                    world.last.out.decode().splitlines()]
        """,
        remap=True,
        root="remapped",
    )
    assert found[0] == [["q", 0, 0], ["x", 5, 6]]
    assert found[1] == ["5 6", "0 0", "0 0"]
