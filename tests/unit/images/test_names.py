"""Every image has a row, and the table in memory is the one on disk."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baleen.errors import InvalidArgument
from baleen.images.names import NameTable
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.media_types import OCI_MANIFEST
from baleen.oci.reference import parse_reference
from baleen.state.database import Database

NAMES = [parse_reference(f"n:{n}") for n in range(3)]
TARGETS = [
    Descriptor(media_type=OCI_MANIFEST, digest=Digest("sha256:" + c * 64), size=1) for c in "abc"
]
steps = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "keep"]), st.integers(0, 2), st.integers(0, 2)),
    max_size=12,
)


@given(steps)
def test_images_are_never_lost_by_renaming_and_disk_is_memory(tmp_path_factory, steps):
    database = Database(tmp_path_factory.mktemp("db") / "s.db")
    table = NameTable(database)
    known = set()
    for action, n, t in steps:
        row = table.get(NAMES[n])
        if action == "put":
            table.put(NAMES[n], TARGETS[t])
            known.add(TARGETS[t].digest)
            assert table.get(NAMES[n]).target == TARGETS[t]
        elif action == "keep" and row is not None:
            table.remove(row.key, keep_image=True)
        elif action == "remove" and row is not None:
            last = len(table.of(row.target.digest)) == 1
            table.remove(row.key)
            if last:
                known.discard(row.target.digest)
        assert set(table.targets()) == known
        for image_id in known:
            rows = table.of(image_id)
            # A pseudo name only where there is no other.
            assert len(rows) == 1 or all(row.reference for row in rows)
    again = NameTable(database)
    again.start()
    assert sorted(again, key=lambda r: r.key) == sorted(table, key=lambda r: r.key)
    database.close()


@pytest.mark.parametrize("document", [b"", b"null", b'{"target":null,"tagged_ns":1}'])
def test_a_row_that_is_not_ours_is_named(tmp_path, document):
    database = Database(tmp_path / "s.db")
    database.put("images", "docker.io/library/x:1", document)
    with pytest.raises(InvalidArgument, match=r'row "docker\.io/library/x:1" of the image table'):
        NameTable(database).start()
    database.close()
