import errno
import json
import os
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.runtime.logfile import LINE_LIMIT, LineEncoder, LogFile, escape, format_time

NOW = b"2024-01-01T00:00:00.5Z"
SPECIAL = {'"': '\\"', "\\": "\\\\", "\n": "\n", "\r": "\\r"}


def reference_escape(data: bytes) -> str:
    """Go's encoder, character by character."""
    out = []
    for character in data.decode(errors="surrogateescape"):
        code = ord(character)
        if character in SPECIAL:
            out.append(SPECIAL[character])
        elif 0xDC80 <= code <= 0xDCFF:
            out.append("\\ufffd")
        elif code < 0x20 or character in "<>&\u2028\u2029":
            out.append(f"\\u{code:04x}")
        else:
            out.append(character)
    return "".join(out)


interesting = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.text(max_size=8).map(lambda text: text.encode(errors="surrogatepass")),
        st.sampled_from(
            [b"\xe2\x80\xa8", b"\xe2\x80", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b'"\\<']
        ),
    )
).map(b"".join)


@given(interesting)
def test_escape_is_what_go_would_write(data):
    assert escape(data).decode() == reference_escape(data)


@given(interesting)
def test_an_escaped_text_is_json_of_the_same_text(data):
    inside = escape(data).replace(b"\n", b"\\n")
    text = json.loads(b'"' + inside + b'"')
    replaced = "".join(
        "\ufffd" if "\udc80" <= c <= "\udcff" else c for c in data.decode(errors="surrogateescape")
    )
    assert text == replaced


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, b"1970-01-01T00:00:00Z"),
        (1704067200_123456789, b"2024-01-01T00:00:00.123456789Z"),
        (1704067200_120000000, b"2024-01-01T00:00:00.12Z"),
        (1704067200_000000001, b"2024-01-01T00:00:00.000000001Z"),
    ],
)
def test_times_are_as_go_formats_them(nanoseconds, text):
    assert format_time(nanoseconds) == text


def reference_pieces(data: bytes) -> list[bytes]:
    """moby's copier: a line is cut whenever its buffer is full without a newline."""
    pieces, buffer = [], b""
    for byte in data:
        if byte == 0x0A:
            pieces.append(buffer + b"\n")
            buffer = b""
        else:
            buffer += bytes((byte,))
            if len(buffer) == LINE_LIMIT:
                pieces.append(buffer)
                buffer = b""
    return [*pieces, buffer] if buffer else pieces


def encode(chunks):
    encoder = LineEncoder("stdout")
    out = b"".join([encoder.feed(chunk, NOW) for chunk in chunks]) + encoder.finish(NOW)
    assert not out or out.endswith(b"\n")
    return [json.loads(line) for line in out.splitlines()]


lengths = st.sampled_from(
    [0, 1, 5, LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 2 * LINE_LIMIT, 40_000]
)


@given(st.lists(lengths, max_size=6), st.booleans(), st.lists(st.integers(0, 120_000), max_size=6))
def test_lines_are_cut_where_moby_cuts_them_however_they_arrive(line_lengths, ended, cuts):
    data = b"\n".join([b"x" * length for length in line_lengths]) + (b"\n" if ended else b"")
    borders = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    chunks = [data[a:b] for a, b in pairwise(borders)]
    assert [entry["log"].encode() for entry in encode(chunks)] == reference_pieces(data)


def test_an_entry_has_dockers_fields_in_dockers_order():
    encoder = LineEncoder("stderr")
    assert encoder.feed(b"a<b\ttwo\n", NOW) == (
        b'{"log":"a\\u003cb\\u0009two\\n","stream":"stderr","time":"2024-01-01T00:00:00.5Z"}\n'
    )


def test_pieces_of_a_cut_line_carry_the_time_of_the_first():
    encoder = LineEncoder("stdout")
    first = encoder.feed(b"x" * LINE_LIMIT, b"T1")
    assert json.loads(first)["time"] == "T1"
    rest = encoder.feed(b"end\nnext\n", b"T2").splitlines()
    assert [json.loads(line)["time"] for line in rest] == ["T1", "T2"]


def test_a_line_without_end_does_not_grow_in_memory():
    encoder = LineEncoder("stdout")
    for _ in range(100):
        out = encoder.feed(b"x" * 65_000, NOW)
        assert len(encoder._pending) < LINE_LIMIT
        assert len(out) < 70_000


def entries(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_streams_are_kept_apart_and_ended_lines_are_written(tmp_path):
    log = LogFile(str(tmp_path / "log"), attrs={"k": 'v"'})
    log.write(1, b"one\npart")
    log.write(2, b"err\n")
    log.end(1)
    log.close()
    log.close()
    found = entries(tmp_path / "log")
    assert [(e["log"], e["stream"]) for e in found] == [
        ("one\n", "stdout"),
        ("err\n", "stderr"),
        ("part", "stdout"),
    ]
    assert all(e["attrs"] == {"k": 'v"'} for e in found)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_files_rotate_when_they_are_full_and_the_oldest_is_dropped(tmp_path):
    path = tmp_path / "log"
    log = LogFile(str(path), max_size=1000, max_file=3)
    for number in range(100):
        log.write(1, b"%03d\n" % number * 7)
    log.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    numbers = [e["log"] for name in ("log.2", "log.1", "log") for e in entries(tmp_path / name)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == "099\n"
    for name in ("log.1", "log.2"):
        assert 1000 <= (tmp_path / name).stat().st_size < 1100


def test_with_one_file_the_log_begins_anew(tmp_path):
    path = tmp_path / "log"
    log = LogFile(str(path), max_size=500)
    log.write(1, b"line\n" * 1000)
    log.close()
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size < 600
    assert entries(path)


def test_an_existing_log_is_continued(tmp_path):
    path = tmp_path / "log"
    for text in (b"one\n", b"two\n"):
        log = LogFile(str(path), max_size=10_000)
        log.write(1, text)
        log.close()
    assert [e["log"] for e in entries(path)] == ["one\n", "two\n"]


def test_output_is_dropped_and_noted_once_when_it_cannot_be_written(tmp_path):
    noted = []
    log = LogFile(str(tmp_path / "log"), on_failure=noted.append)
    fd, log._fd = log._fd, os.open("/dev/full", os.O_WRONLY)
    log.write(1, b"lost\n")
    log.write(1, b"lost too\n")
    os.close(log._fd)
    log._fd = fd
    log.write(1, b"kept\n")
    log.close()
    assert [err.errno for err in noted] == [errno.ENOSPC]
    assert log.dropped_bytes > 100
    assert [e["log"] for e in entries(tmp_path / "log")] == ["kept\n"]


def test_no_entry_is_left_half_written(tmp_path):
    # A limit of the file's size makes the kernel write a part and then refuse, as a full disk does.
    script = (
        "import resource, sys\n"
        "from baleen.runtime.logfile import LogFile\n"
        "log = LogFile(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "for _ in range(50): log.write(1, b'0123456789\\n' * 3)\n"
        "print(log.dropped_bytes)\n"
    )
    result = subprocess.run(
        [os.sys.executable, "-c", script, str(tmp_path / "log")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(result.stdout) > 0
    assert entries(tmp_path / "log")
    assert 600 < (tmp_path / "log").stat().st_size <= 1000
