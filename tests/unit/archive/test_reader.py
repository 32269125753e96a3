"""The tar reader takes what other programs write, and refuses what nobody should."""

import contextlib
import io
import struct
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.archive.entry import EntryType
from baleen.archive.limits import DEFAULT_LIMITS, Limits
from baleen.archive.reader import TarReader
from baleen.errors import InvalidArgument, ResourceExhausted


def read(data, chunk=10_000, limits=DEFAULT_LIMITS):
    chunks = (data[i : i + chunk] for i in range(0, len(data), chunk))
    reader = TarReader(chunks, limits)
    found = [(entry, b"".join(map(bytes, reader.data()))) for entry in reader]
    reader.drain()
    return found


def header(name=b"x", size=b"00000000000", kind=b"0", mode=b"0000644", prefix=b"", **fields):
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100 : 100 + len(mode)] = mode
    block[108:115] = fields.get("uid", b"0000000")
    block[116:123] = b"0000000"
    block[124 : 124 + len(size)] = size
    block[136 : 136 + 11] = fields.get("mtime", b"00000000000")
    block[156:157] = kind
    block[257:265] = fields.get("magic", b"ustar\x0000")
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("chunk", [1, 511, 512, 513, 100_000])
def test_all_common_formats_are_read_in_any_pieces(make_tar, form, chunk):
    data = make_tar(
        ("d", "dir", b"", {"mode": 0o1777, "mtime": 5}),
        ("d/f", "file", b"x" * 1000, {"uid": 1000, "gid": 7, "mode": 0o4755}),
        ("d/empty", "file", b""),
        ("d/s", "symlink", "../t"),
        ("d/h", "link", "d/f"),
        ("d/p", "fifo"),
        ("d/c", "char", b"", {"devmajor": 1, "devminor": 3}),
        form=form,
    )
    entries = read(data, chunk)
    assert [(e.name.rstrip(b"/"), e.type.name) for e, _ in entries] == [
        (b"d", "DIRECTORY"), (b"d/f", "FILE"), (b"d/empty", "FILE"), (b"d/s", "SYMLINK"),
        (b"d/h", "HARDLINK"), (b"d/p", "FIFO"), (b"d/c", "CHAR"),
    ]  # fmt: skip
    assert entries[0][0].mode == 0o1777
    assert entries[0][0].mtime_ns == 5_000_000_000
    file, content = entries[1]
    assert (file.uid, file.gid, file.mode, content) == (1000, 7, 0o4755, b"x" * 1000)
    assert entries[3][0].linkname == b"../t"
    assert (entries[6][0].major, entries[6][0].minor) == (1, 3)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_big_numbers(make_tar, form):
    name, target = "n/" * 400 + "é", "t" * 300
    data = make_tar(
        (name, "file", b"1", {"uid": 3_000_000, "mtime": 2**34}),
        ("s", "symlink", target),
        form=form,
    )
    (file, _), (link, _) = read(data)
    assert file.name == name.encode()
    assert (file.uid, file.mtime_ns) == (3_000_000, 2**34 * 1_000_000_000)
    assert link.linkname == target.encode()


def test_pax_attributes_and_fractions(make_tar):
    data = make_tar(
        (
            "f",
            "file",
            b"",
            {"pax_headers": {"SCHILY.xattr.user.k": "v", "mtime": "1.5", "comment": "x"}},
        )
    )
    ((entry, _),) = read(data)
    assert entry.xattrs == {"user.k": b"v"}
    assert entry.mtime_ns == 1_500_000_000


def test_what_gnu_tar_writes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / ("l" * 200)).write_bytes(b"")
    (tmp_path / "h").hardlink_to(tmp_path / "a")
    data = subprocess.run(
        ["tar", "--sort=name", "-C", tmp_path, "-cf", "-", "."], check=True, capture_output=True
    ).stdout
    assert [e.name for e, _ in read(data)] == [b"./", b"./a", b"./h", b"./" + b"l" * 200]


def test_names_that_are_not_utf8_are_kept():
    data = header(b"\xff\x80\n") + header(b"b" * 60, prefix=b"p" * 150) + bytes(1024)
    assert [e.name for e, _ in read(data)] == [b"\xff\x80\n", b"p" * 150 + b"/" + b"b" * 60]


def test_an_old_directory_is_known_by_its_slash():
    ((entry, _),) = read(header(b"d/", kind=b"\0", magic=b"\0" * 8) + bytes(1024))
    assert entry.type is EntryType.DIRECTORY


@pytest.mark.parametrize("data", [b"", bytes(512), bytes(1024), bytes(10240), header()])
def test_archives_may_end_early_or_late(data):
    assert len(read(data)) == (1 if data == header() else 0)


def test_bytes_behind_the_end_are_read_but_mean_nothing():
    assert read(bytes(1024) + b"x" * 5000) == []


def test_a_link_with_a_size_has_no_data():
    entries = read(header(kind=b"2", size=b"00000001000") + header(b"y") + bytes(1024))
    assert [(e.name, e.size) for e, _ in entries] == [(b"x", 0), (b"y", 0)]


def test_the_last_padding_may_be_missing():
    # So docker's command line sends a context to which it has added a Dockerfile from elsewhere.
    assert [data for _, data in read(header(size=b"00000000003") + b"abc")] == [b"abc"]


def test_half_a_padding_is_none():
    with pytest.raises(InvalidArgument, match="truncated"):
        read(header(size=b"00000000003") + b"abc\0")


def pax(record):
    return header(size=b"%011o" % len(record), kind=b"x") + record + bytes(-len(record) % 512)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\1" * 512, "bad checksum"),
        (header()[:-1] + b"\1", "wrong checksum"),
        (header()[:300], "truncated"),
        (header(size=b"00000001000") + b"x" * 100, 'truncated after entry "x"'),
        (bytes(512) + header(), "lone zero block"),
        (header(size=b"0000_000010"), "bad size"),
        (header(size=b"0x000000010"), "bad size"),
        (header(size=b"00000000080"), "bad size"),
        (header(size=b"-0000000001"), "bad size"),
        (header(size=b"\xff" * 11), "size out of range"),
        (header(size=b"\x80" + b"\xff" * 11), "size out of range"),
        (header(mode=b"0o00644"), "bad mode"),
        (header(kind=b"M"), "which is not supported"),
        (header(kind=b"M"), "of type b'M', which is not supported"),
        (header(kind=b"x", size=b"%011o" % (2 << 20)), "extension header of 2097152 bytes"),
        (pax(b"5 a=b\n"), "bad PAX record"),
        (pax(b"06 a=b\n") + header(), "bad PAX record"),
        (pax(b"99999999999999999999 a=b\n"), "bad PAX record"),
        (pax(b"+6 a=b\n"), "bad PAX record"),
        (pax(b"11 size=1_0\n"), "bad PAX"),
        (pax(b"12 size=1_0\n") + header(), "bad PAX size"),
        (pax(b"12 mtime=xx\n") + header(), "bad PAX mtime"),
        (pax(b"18 uid=4294967295\n") + header(), "uid or gid out of range"),
        (pax(b"22 GNU.sparse.major=2\n") + header(), "unknown form"),
        (pax(b"6 a=b\n"), "without an entry"),
        (pax(b"6 a=b\n") * 9, "too many extension headers"),
        (pax(b"5006 path=" + b"n" * 4995 + b"\n") + header(), "name that is too long"),
    ],
)  # fmt: skip
def test_malformed_archives_are_refused_with_a_reason(data, message):
    with pytest.raises(InvalidArgument, match=message):
        read(data)


def test_the_number_of_entries_is_limited():
    with pytest.raises(ResourceExhausted, match="limit of 3 entries"):
        read(header() * 4, limits=Limits(max_entries=3))


def test_a_claimed_size_costs_no_memory():
    reader = TarReader(iter([header(size=b"77777777777"), b"x" * 512]))
    entry = next(iter(reader))
    assert entry.size == 8**11 - 1
    with pytest.raises(InvalidArgument, match="larger than 100"):
        reader.read(100)


def test_signed_checksums_of_old_tars_are_taken():
    block = bytearray(header(b"\xff\xfe"))
    block[148:156] = b" " * 8
    signed = sum(struct.unpack("512b", bytes(block)))
    block[148:156] = b"%06o\0 " % signed
    assert read(bytes(block))[0][0].name == b"\xff\xfe"


@given(st.binary(max_size=2000))
def test_any_bytes_give_entries_or_our_error(data):
    with contextlib.suppress(InvalidArgument):
        read(data)


@given(st.integers(0, 511), st.integers(0, 255), st.sampled_from(["g", "x", "L", "0"]))
def test_any_damaged_header_gives_entries_or_our_error(place, value, kind):
    block = bytearray(header(kind=kind.encode(), size=b"00000000020") + b"9 path=ab" + bytes(503))
    block[place] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    with contextlib.suppress(InvalidArgument):
        read(bytes(block) + header() + bytes(1024))


def test_the_oracle_agrees_about_a_real_archive(make_tar):
    data = make_tar(*[(f"f{i}", "file", bytes([i]) * i * 37) for i in range(50)])
    with tarfile.open(fileobj=io.BytesIO(data)) as oracle:
        expected = [(m.name.encode(), oracle.extractfile(m).read()) for m in oracle]
    assert [(e.name, content) for e, content in read(data)] == expected
