"""Entry types are the typeflags of the format."""

import tarfile

from baleen.archive.entry import Entry, EntryType


def test_typeflags_are_those_of_the_standard_library():
    assert {kind.name: kind.value for kind in EntryType} == {
        "FILE": tarfile.REGTYPE,
        "HARDLINK": tarfile.LNKTYPE,
        "SYMLINK": tarfile.SYMTYPE,
        "CHAR": tarfile.CHRTYPE,
        "BLOCK": tarfile.BLKTYPE,
        "DIRECTORY": tarfile.DIRTYPE,
        "FIFO": tarfile.FIFOTYPE,
    }


def test_entries_do_not_share_their_attributes():
    first, second = Entry(b"a", EntryType.FILE), Entry(b"b", EntryType.FILE)
    first.xattrs["user.x"] = b"1"
    assert second.xattrs == {}
