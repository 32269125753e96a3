"""Caches: who shares which directory, and what happens to it."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from baleen.build.exec.caches import CacheMounts, CacheUse
from baleen.linux.fd import Fd


def use(name="a", **fields):
    return CacheUse(id=name, uid=os.getuid(), gid=os.getgid(), **fields)


def nothing():
    return None


def run(main):
    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "caches"


def test_what_was_written_is_there_the_next_time(root):
    async def main():
        caches = CacheMounts(root)
        async with caches.used(use(mode=0o770), "shared", nothing) as path:
            assert path.stat().st_mode & 0o7777 == 0o770
            (path / "x").write_text("1")
        async with caches.used(use(mode=0o770), "locked", nothing) as path:
            assert (path / "x").read_text() == "1"
        async with caches.used(use("b", mode=0o770), "shared", nothing) as path:
            assert list(path.iterdir()) == []

    run(main)


def test_shared_ones_are_used_at_once_and_private_ones_are_several(root):
    async def main():
        caches = CacheMounts(root)
        async with AsyncExitStack() as stack:
            paths = [
                await stack.enter_async_context(caches.used(use(), kind, nothing))
                for kind in ("shared", "shared", "private", "private")
            ]
            assert paths[0] == paths[1]
            assert len(set(paths)) == 3
            names = {usage.name: usage.in_use for usage in caches.usage()}
            assert len(names) == 3
            assert all(names.values())
        async with caches.used(use(), "private", nothing) as path:
            assert path == paths[0]

    run(main)


def test_locked_ones_wait(root):
    async def main():
        caches = CacheMounts(root)
        order = []

        async def second(kind):
            async with caches.used(use(), kind, nothing):
                order.append(kind)

        async with asyncio.TaskGroup() as group, caches.used(use(), "locked", nothing):
            group.create_task(second("locked"))
            group.create_task(second("shared"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            order.append("first")
        assert order[0] == "first"
        assert sorted(order[1:]) == ["locked", "shared"]

    run(main)


def test_who_gives_up_waiting_takes_nothing(root):
    async def main():
        caches = CacheMounts(root)
        async with caches.used(use(), "locked", nothing):
            task = asyncio.ensure_future(caches.used(use(), "locked", nothing).__aenter__())
            await asyncio.wait([task], timeout=0.01)
            task.cancel()
            await asyncio.wait([task])
        async with caches.used(use(), "locked", nothing):
            pass

    run(main)


def test_a_new_one_is_filled(root, tmp_path):
    base = tmp_path / "base"
    (base / "d").mkdir(parents=True)
    (base / "d" / "f").write_text("1")
    base.chmod(0o711)

    def opened():
        return Fd(os.open(base, os.O_PATH | os.O_DIRECTORY))

    async def main():
        caches = CacheMounts(root)
        async with caches.used(use(base="t"), "shared", opened) as path:
            assert (path / "d/f").read_text() == "1"
            assert path.stat().st_mode & 0o7777 == 0o711
            (path / "d/f").write_text("2")
        async with caches.used(use(base="t"), "shared", opened) as path:
            assert (path / "d/f").read_text() == "2"

    run(main)


def test_one_that_cannot_be_filled_leaves_nothing(root):
    async def main():
        caches = CacheMounts(root)
        with pytest.raises(ZeroDivisionError):
            async with caches.used(use(base="t"), "shared", lambda: 1 // 0):
                pass
        assert list(root.iterdir()) == []
        assert caches.usage() == []

    run(main)


def test_pruning_spares_what_is_in_use(root):
    async def main():
        caches = CacheMounts(root)
        async with caches.used(use("old"), "shared", nothing) as path:
            (path / "x").write_bytes(bytes(100_000))
        async with caches.used(use("busy"), "shared", nothing) as path:
            removed = await caches.prune(lambda usage: True)
            assert [usage.id for usage in removed] == ["old"]
            assert removed[0].size_bytes >= 100_000
            assert path.exists()
        assert [usage.id for usage in caches.usage()] == ["busy"]

    run(main)


def test_what_a_crash_left_is_removed(root):
    async def main():
        caches = CacheMounts(root)
        async with caches.used(use(), "shared", nothing) as path:
            pass
        (root / ".half").mkdir()
        (root / "other").mkdir()
        again = CacheMounts(root)
        again.start()
        assert [p.name for p in root.iterdir()] == [Path(path).parent.name]

    run(main)
    CacheMounts(root / "absent").start()
