"""What the writer writes, others read; the same entry gives the same bytes."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.archive.entry import Entry, EntryType
from baleen.archive.reader import TarReader
from baleen.archive.writer import END, encode_header, padding

name = st.binary(min_size=1, max_size=300).filter(lambda b: b"\0" not in b and not b.endswith(b"/"))
entries = st.builds(
    Entry,
    name=name,
    type=st.sampled_from([t for t in EntryType if t is not EntryType.DIRECTORY]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    gid=st.integers(0, 2**32 - 2),
    mtime_ns=st.integers(-(2**33), 2**40).map(lambda s: s * 1_000_000_000),
    linkname=st.binary(max_size=300).filter(lambda b: b"\0" not in b),
    xattrs=st.dictionaries(st.sampled_from(["user.a", "security.capability"]), st.binary()),
)


@given(entries)
def test_every_entry_survives_our_reader(entry):
    (found,) = list(TarReader([encode_header(entry) + END]))
    assert found == entry


@given(st.integers(0, 40).map(lambda e: 2**e))
def test_every_size_survives(size):
    data = encode_header(Entry(name=b"x", type=EntryType.FILE, size=size))
    assert next(iter(TarReader([data]))).size == size


@given(entries)
def test_blocks_are_whole(entry):
    assert len(encode_header(entry)) % 512 == 0


@pytest.mark.parametrize(
    "long",
    ["a" * 100, "a" * 101, "p" * 155 + "/" + "n" * 100, "p" * 156 + "/n", "é/ü", "d/" * 200 + "x"],
)
def test_the_standard_library_reads_it(long):
    entry = Entry(
        name=long.encode(), type=EntryType.FILE, size=3, uid=3_000_000, mtime_ns=7_000_000_000
    )
    with tarfile.open(
        fileobj=io.BytesIO(encode_header(entry) + b"abc" + padding(3) + END)
    ) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.uid, member.mtime) == (long, 3_000_000, 7)
        assert archive.extractfile(member).read() == b"abc"


def test_directories_get_their_slash_and_plain_entries_no_extension():
    data = encode_header(Entry(name=b"d", type=EntryType.DIRECTORY))
    assert len(data) == 512
    assert data.startswith(b"d/\0")


def test_times_are_whole_seconds():
    entry = Entry(name=b"x", type=EntryType.FILE, mtime_ns=1_999_999_999)
    assert len(encode_header(entry)) == 512
    assert next(iter(TarReader([encode_header(entry)]))).mtime_ns == 1_000_000_000
