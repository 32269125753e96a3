"""An agent's socket is led through, and cut off at the end."""

import asyncio
import stat

import pytest

from baleen.build.exec.ssh import forwarded


async def agent(reader, writer):
    writer.write(b"re: " + await reader.readline())
    await writer.drain()
    await reader.read()
    writer.close()


@pytest.fixture
def owner():
    import os

    return os.getuid(), os.getgid()


def test_questions_and_answers_pass(tmp_path, owner):
    async def main():
        server = await asyncio.start_unix_server(agent, tmp_path / "agent-of-host")
        (tmp_path / "run").mkdir()
        async with forwarded(
            str(tmp_path / "agent-of-host"), tmp_path / "run", owner, 0o640
        ) as path:
            info = path.stat()
            assert stat.S_ISSOCK(info.st_mode)
            assert stat.S_IMODE(info.st_mode) == 0o640
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"hello\n")
            assert await reader.readline() == b"re: hello\n"
        assert await reader.read() == b""  # cut off
        writer.close()
        assert list((tmp_path / "run").iterdir()) == []
        server.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_without_an_agent_the_socket_hangs_up(tmp_path, owner):
    async def main():
        async with forwarded(str(tmp_path / "none"), tmp_path, owner, 0o600) as path:
            reader, writer = await asyncio.open_unix_connection(path)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_long_path_is_no_obstacle(tmp_path, owner):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)

    async def main():
        async with forwarded(str(tmp_path / "none"), deep, owner, 0o600) as path:
            assert path.exists()

    asyncio.run(asyncio.wait_for(main(), 10))
