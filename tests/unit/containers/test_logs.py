"""Reading logs back: selection, tails, following across rotation, the end."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from baleen.containers.logs import read_logs
from baleen.errors import InvalidArgument


def line(text: str, *, stream: str = "stdout", second: int = 0, attrs: dict | None = None) -> bytes:
    document = {"log": text, "stream": stream}
    if attrs:
        document["attrs"] = attrs
    document["time"] = f"2026-01-02T03:04:{second:02d}.5Z"
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


async def collect(path, **arguments) -> bytes:
    chosen = {"stdout": True, "stderr": True, "framed": False} | arguments
    return b"".join([chunk async for chunk in read_logs(path, **chosen)])


async def test_a_missing_file_is_an_empty_log(tmp_path):
    assert await collect(tmp_path / "none.log") == b""


async def test_everything_in_order_over_rotated_files(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("5\n") + line("6\n"))
    (tmp_path / "x.log.1").write_bytes(line("3\n") + line("4\n"))
    (tmp_path / "x.log.2").write_bytes(line("1\n") + line("2\n"))
    assert await collect(path) == b"1\n2\n3\n4\n5\n6\n"


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("0", b""),
        ("1", b"6\n"),
        ("2", b"5\n6\n"),
        ("3", b"4\n5\n6\n"),
        ("5", b"2\n3\n4\n5\n6\n"),
        ("600", b"1\n2\n3\n4\n5\n6\n"),
        ("all", b"1\n2\n3\n4\n5\n6\n"),
        ("", b"1\n2\n3\n4\n5\n6\n"),
        ("-1", b"1\n2\n3\n4\n5\n6\n"),
        ("1_0", b"1\n2\n3\n4\n5\n6\n"),
    ],
)
async def test_tail_counts_lines_from_the_end_over_files(tmp_path, tail, expected):
    path = tmp_path / "x.log"
    path.write_bytes(line("5\n") + line("6\n"))
    (tmp_path / "x.log.1").write_bytes(line("3\n") + line("4\n"))
    (tmp_path / "x.log.2").write_bytes(line("1\n") + line("2\n"))
    assert await collect(path, tail=tail) == expected


async def test_tail_of_a_file_of_many_blocks(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(line(f"{number} {'x' * 500}\n") for number in range(5000)))
    text = await collect(path, tail="1500")
    rows = text.split(b"\n")[:-1]
    assert [int(row.split()[0]) for row in rows] == list(range(3500, 5000))
    assert (await collect(path)).count(b"\n") == 5000


async def test_streams_are_selected_and_framed(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("out\n") + line("err\n", stream="stderr"))
    assert await collect(path, stderr=False) == b"out\n"
    assert await collect(path, stdout=False) == b"err\n"
    framed = await collect(path, framed=True)
    assert framed == (
        struct.pack(">BxxxL", 1, 4) + b"out\n" + struct.pack(">BxxxL", 2, 4) + b"err\n"
    )


async def test_neither_stream_is_refused_at_once(tmp_path):
    with pytest.raises(InvalidArgument, match="you must choose at least one stream"):
        read_logs(tmp_path / "x", stdout=False, stderr=False)
    with pytest.raises(InvalidArgument, match='invalid value for "since"'):
        read_logs(tmp_path / "x", stdout=True, stderr=True, since="1_0")


async def test_since_and_until_are_inclusive(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(line(f"{second}\n", second=second) for second in range(6)))
    base = 1767323040  # 2026-01-02T03:04:00Z
    assert await collect(path, since=f"{base + 2}.5") == b"2\n3\n4\n5\n"
    assert await collect(path, since=f"{base + 2}.500000001") == b"3\n4\n5\n"
    assert await collect(path, until=f"{base + 2}.5") == b"0\n1\n2\n"
    assert await collect(path, since="2026-01-02T03:04:04Z") == b"4\n5\n"
    assert await collect(path, since="0", until="0") == b"0\n1\n2\n3\n4\n5\n"


async def test_timestamps_have_nine_digits_and_details_come_before_the_text(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("hi\n", attrs={"tag": "a b", "env": "x"}))
    assert await collect(path, timestamps=True) == b"2026-01-02T03:04:00.500000000Z hi\n"
    assert await collect(path, details=True) == b"env=x,tag=a+b hi\n"


async def test_damaged_lines_are_skipped_and_odd_bytes_kept(tmp_path):
    path = tmp_path / "x.log"
    raw = b'{"log":"\xff\xfe\\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}\n'
    path.write_bytes(
        line("a\n") + b"\0\0\0garbage\n" + b'{"log":12}\n' + raw + b"[]\n" + line('"q"\\\n')
    )
    assert await collect(path) == b'a\n\xff\xfe\n"q"\\\n'


async def test_a_torn_last_line_is_left_out_when_not_following(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("a\n") + line("b\n")[:-5])
    assert await collect(path) == b"a\n"
    assert await collect(path, tail="0") == b""


async def test_follow_sends_what_is_written_and_ends_with_the_container(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("1\n"))
    stopped = asyncio.get_running_loop().create_future()
    stream = read_logs(path, stdout=True, stderr=True, framed=False, follow=True, stopped=stopped)
    assert await anext(stream) == b"1\n"
    torn = line("2\n")
    with path.open("ab", buffering=0) as log:
        log.write(torn[:10])
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        log.write(torn[10:])
        assert await waiting == b"2\n"
        log.write(line("3\n"))
    stopped.set_result(None)
    assert [chunk async for chunk in stream] == [b"3\n"]


async def test_follow_goes_on_over_rotations(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(line("1\n"))
    stopped = asyncio.get_running_loop().create_future()
    stream = read_logs(
        path, stdout=True, stderr=True, framed=False, follow=True, tail="1", stopped=stopped
    )
    received = [await anext(stream)]
    for number in range(2, 8):
        with path.open("ab") as log:
            log.write(line(f"{number}a\n"))
        if (tmp_path / "x.log.1").exists():
            (tmp_path / "x.log.1").rename(tmp_path / "x.log.2")
        path.rename(tmp_path / "x.log.1")
        path.write_bytes(line(f"{number}b\n"))
        while not b"".join(received).endswith(f"{number}b\n".encode()):
            received.append(await asyncio.wait_for(anext(stream), 5))
    stopped.set_result(None)
    received += [chunk async for chunk in stream]
    expected = "1\n" + "".join(f"{number}a\n{number}b\n" for number in range(2, 8))
    assert b"".join(received) == expected.encode()


async def test_follow_begins_before_the_file_exists(tmp_path):
    path = tmp_path / "x.log"
    stopped = asyncio.get_running_loop().create_future()
    stream = read_logs(path, stdout=True, stderr=True, framed=False, follow=True, stopped=stopped)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.01)
    path.write_bytes(line("1\n"))
    assert await asyncio.wait_for(waiting, 5) == b"1\n"
    await stream.aclose()


async def test_giving_up_closes_the_descriptors(tmp_path):
    import os

    path = tmp_path / "x.log"
    path.write_bytes(line("1\n"))
    before = len(os.listdir("/proc/self/fd"))
    stopped = asyncio.get_running_loop().create_future()
    stream = read_logs(path, stdout=True, stderr=True, framed=False, follow=True, stopped=stopped)
    await anext(stream)
    await stream.aclose()
    assert len(os.listdir("/proc/self/fd")) <= before
