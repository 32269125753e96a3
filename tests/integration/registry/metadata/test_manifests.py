"""Counting what manifests refer to."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from registry_bed import START, digest_of

from baleen.oci.digest import Digest
from baleen.registry.documents import Child, Document
from baleen.registry.errors import ApiError
from baleen.registry.metadata import blobs, garbage, manifests, tags

NAMES = st.sampled_from(["a", "b"])
BLOBS = st.sampled_from([Digest(digest_of(bytes([number]))) for number in range(3)])
MANIFESTS = st.integers(0, 3)


def document(number, children):
    return Document("m", "", None, None, bytes([number]), children)


async def test_removing_tells_the_tags(registry):
    digest, _ = await registry.push_image("r", "v1")
    write = registry.contents.database.write
    removed = await write(lambda tx: manifests.remove_manifest(tx, "r", Digest(digest), START))
    assert removed == ["v1"]
    assert await write(lambda tx: manifests.resolve_tag(tx, "r", "v1")) is None
    again = await write(lambda tx: manifests.remove_manifest(tx, "r", Digest(digest), START))
    assert again is None


class Counting(RuleBasedStateMachine):
    """Whatever is done in whatever order, the counts are what counting anew gives."""

    @initialize()
    def begin(self):
        import sqlite3

        from baleen.registry.metadata.schema import SQLITE_TYPES, statements
        from baleen.registry.metadata.sqlite import _Transaction

        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for statement in statements(SQLITE_TYPES):
            self.connection.execute(statement)
        self.tx = _Transaction(self.connection)
        self.now = 0.0
        self.acknowledged = {}

    def teardown(self):
        if hasattr(self, "connection"):
            self.connection.close()

    @rule(name=NAMES, blob=BLOBS)
    def upload(self, name, blob):
        self.now += 1
        blobs.add_blob(self.tx, name, blob, 1, f"{blob}.{self.now}", self.now, "")

    @rule(name=NAMES, source=NAMES, blob=BLOBS)
    def mount(self, name, source, blob):
        self.now += 1
        if blobs.find_blob(self.tx, source, blob):
            assert blobs.link_known(self.tx, name, blob, self.now)

    @rule(name=NAMES, number=MANIFESTS, children=st.sets(BLOBS, max_size=3), complete=st.booleans())
    def push(self, name, number, children, complete):
        self.now += 1
        named = tuple(Child(child, 1, is_blob=True, required=True) for child in children)
        pushed = Digest(digest_of(repr((number, sorted(children))).encode()))
        self.connection.execute("SAVEPOINT push")
        try:
            manifests.add_manifest(
                self.tx, name, pushed, document(number, named), "t", self.now, complete=complete
            )
            if complete:
                self.acknowledged[name, pushed] = children
        except ApiError:
            self.connection.execute("ROLLBACK TO push")
        self.connection.execute("RELEASE push")

    @rule(name=NAMES)
    def remove_the_tagged(self, name):
        self.now += 1
        digest = manifests.resolve_tag(self.tx, name, "t")
        if digest is not None:
            manifests.remove_manifest(self.tx, name, Digest(digest), self.now)
            self.acknowledged.pop((name, digest), None)

    @rule(name=NAMES)
    def untag(self, name):
        tags.remove_tag(self.tx, name, "t")

    @rule(name=NAMES, blob=BLOBS)
    def unlink(self, name, blob):
        blobs.unlink(self.tx, name, blob)

    @rule(age=st.integers(0, 5))
    def collect(self, age):
        before = self.now - age
        idle = garbage.idle_links(self.tx, before, 100)
        garbage.drop_links(self.tx, idle, before)
        garbage.drop_blobs(self.tx, 100)

    @invariant()
    def counts_are_true(self):
        if not hasattr(self, "tx"):
            return
        assert not self.tx.execute(
            "SELECT * FROM links l WHERE refs <> (SELECT COUNT(*) FROM edges e "
            "WHERE e.repository = l.repository AND e.child = l.digest)"
        )
        assert not self.tx.execute(
            "SELECT * FROM blobs b WHERE links <> "
            "(SELECT COUNT(*) FROM links l WHERE l.digest = b.digest)"
        )
        assert not self.tx.execute(
            "SELECT * FROM links WHERE digest NOT IN (SELECT digest FROM blobs)"
        )

    @invariant()
    def what_was_acknowledged_is_complete(self):
        for (name, _), children in getattr(self, "acknowledged", {}).items():
            for child in children:
                assert blobs.find_blob(self.tx, name, child) is not None


Counting.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestCounting = Counting.TestCase
