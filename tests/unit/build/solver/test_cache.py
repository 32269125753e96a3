"""A recorded result outlives restarts and crashes, and is used only if all of it is here."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from solver_bed import Bed, image, run

from baleen.build.graph import Edge, FileOp, GitSource, Vertex, Writing
from baleen.build.trees import Tree
from baleen.errors import ResourceExhausted
from baleen.oci.digest import Digest
from baleen.oci.image import chain_ids


def recorded(bed, text="make", salt="", key=None, **more):
    """Record a result of RUN; returns the record."""
    vertex = run(text, image(), name=f"[1/2] RUN {text}")
    with bed.content.lease() as lease:
        base = bed.layers.on(Tree(), b"base", lease)
        tree = bed.layers.on(base, f"{text}{salt}".encode(), lease)
        return bed.cache.record(
            vertex, [base], [key or text], [tree], {"instruction:": text}, **more
        )


def test_what_was_recorded_is_found_with_all_it_says(bed):
    record = recorded(bed, created_ns=5)
    bed.start()
    with bed.content.lease() as lease:
        found = bed.cache.find([None, "other", "make"], lease)
        assert set(lease.digests) == {layer.digest for layer in record.trees[0].layers}
    assert (found.id, found.created_ns, found.uses) == (record.id, 5, 1)
    assert found.trees == record.trees
    assert found.description == "[1/2] RUN make"
    assert found.size_bytes == len(b"make")
    assert bed.cache.parts(found.id) == {"instruction:": "make"}
    assert len(found.id) == 25


def test_nothing_is_found_under_other_keys(bed):
    recorded(bed)
    with bed.content.lease() as lease:
        assert bed.cache.find(["mak", "make ", "", None], lease) is None
        assert lease.digests == set()


def test_a_new_result_takes_the_place_of_the_old(bed):
    old = recorded(bed)
    new = recorded(bed, salt="2")
    assert [record.trees for record in bed.cache.records()] == [new.trees]
    assert new.trees != old.trees
    bed.start()
    assert [record.trees for record in bed.cache.records()] == [new.trees]


def test_a_second_key_is_kept(bed):
    record = recorded(bed)
    bed.cache.add_key(record.id, "fast")
    bed.cache.add_key("no such", "x")
    bed.start()
    with bed.content.lease() as lease:
        assert bed.cache.find(["fast"], lease).id == record.id
    bed.cache.remove(record.id)
    with bed.content.lease() as lease:
        assert bed.cache.find(["fast", "make"], lease) is None


def test_parents_are_the_records_that_inputs_came_from(bed):
    first = recorded(bed)
    vertex = run("two", run("make", image()))
    with bed.content.lease() as lease:
        tree = bed.layers.on(first.trees[0], b"two", lease)
        second = bed.cache.record(vertex, [first.trees[0]], ["two"], [tree], {})
    assert second.parents == [first.id]
    assert second.size_bytes == 3


def test_layers_of_records_are_no_garbage_and_those_of_removed_ones_are(bed):
    record = recorded(bed)
    layers = {layer.digest for layer in record.trees[0].layers}
    assert set(bed.cache.blobs()) == layers
    assert set(bed.cache.chain_ids()) == set(chain_ids(record.trees[0].diff_ids))
    bed.content.collect(bed.cache.blobs)
    assert all(map(bed.content.has, layers))
    bed.cache.remove(record.id)
    bed.content.collect(bed.cache.blobs)
    assert not any(map(bed.content.has, layers))


@pytest.mark.parametrize("damage", [b"", b"{", b'{"id": 1}', b"\xff\xff", b"[" * 10_000])
def test_a_damaged_record_is_dropped_and_the_others_stay(bed, damage):
    record = recorded(bed)
    recorded(bed, "other")
    bed.database.put("build_cache", record.id, damage)
    bed.start()
    assert [found.description for found in bed.cache.records()] == ["[1/2] RUN other"]
    assert bed.database.get("build_cache", record.id) is None


def test_a_record_under_a_wrong_id_is_dropped(bed):
    record = recorded(bed)
    document = bed.database.get("build_cache", record.id)
    bed.database.put("build_cache", "elsewhere", document)
    bed.start()
    assert [found.id for found in bed.cache.records()] == [record.id]


def test_damaged_parts_are_no_parts(bed):
    record = recorded(bed)
    bed.database.put("build_cache_parts", record.id, b"damaged")
    assert bed.cache.parts(record.id) == {}
    assert bed.cache.parts("never there") == {}


def test_a_full_disk_does_not_end_the_build(bed, monkeypatch):
    def full(*_):
        raise ResourceExhausted("no space left on device")

    monkeypatch.setattr(bed.database, "put", full)
    record = recorded(bed)
    with bed.content.lease() as lease:
        assert bed.cache.find(["make"], lease).id == record.id
    bed.start()
    assert bed.cache.records() == []


def test_uses_are_written_down_now_and_then(bed):
    record = recorded(bed)
    for _ in range(3):
        with bed.content.lease() as lease:
            bed.cache.find(["make"], lease)
    assert bed.cache.records()[0].uses == 3
    bed.now += 61 * 10**9
    with bed.content.lease() as lease:
        bed.cache.find(["make"], lease)
    bed.start()
    (found,) = bed.cache.records()
    assert found.uses == 4
    assert found.last_used_ns > record.last_used_ns


def test_types_of_records(bed):
    with bed.content.lease() as lease:
        tree = bed.layers.on(Tree(), b"x", lease)
        writing = FileOp(actions=(Writing(path="/a", content=b""),), scratch=True)
        for vertex in (
            Vertex(GitSource(url="https://a/b.git", ref="0" * 40), name="git"),
            Vertex(writing, name="[internal] preparing inline document"),
            Vertex(writing, name="COPY"),
        ):
            bed.cache.record(vertex, [], [vertex.name], [tree], {})
    types = {record.description: record.type for record in bed.cache.records()}
    assert types == {
        "git": "source.git.checkout",
        "[internal] preparing inline document": "internal",
        "COPY": "regular",
    }


def test_collecting_and_finding_at_the_same_time_do_not_wait_for_each_other(bed):
    recorded(bed)
    stop = threading.Event()

    def collect():
        while not stop.is_set():
            bed.content.collect(bed.cache.blobs)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for _ in range(300):
            with bed.content.lease() as lease:
                assert bed.cache.find(["make"], lease) is not None
    finally:
        stop.set()
        collector.join(10)
    assert not collector.is_alive()


CRASHING = """
import os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from solver_bed import Bed
from test_cache import recorded
bed = Bed(Path(sys.argv[1]))
for number in range(1000):
    record = recorded(bed, str(number))
    print(record.id, flush=True)
"""


def test_kill_9_loses_nothing_that_was_recorded(tmp_path):
    here = str(Path(__file__).parent)
    child = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path), here], stdout=subprocess.PIPE, text=True
    )
    with child:
        said = [child.stdout.readline().strip() for _ in range(20)]
        child.kill()
        said += child.stdout.read().split("\n")[:-1]
    bed = Bed(tmp_path)
    known = {record.id for record in bed.cache.records()}
    assert set(said) <= known
    for record in bed.cache.records():
        with bed.content.lease() as lease:
            assert bed.cache.find(record.keys, lease) is not None
    bed.database.close()


def test_near_ones_come_first(bed):
    recorded(bed, "a")
    recorded(bed, "b")
    vertex = run("b", image("another"), name="[1/2] RUN b")
    with bed.content.lease() as lease:
        other = bed.layers.on(Tree(), b"other base", lease)
    near = bed.cache.near(vertex, [other])
    assert near[0].description == "[1/2] RUN b"
    assert bed.cache.near(Vertex(GitSource(url="x"), name="git"), []) == []


def test_a_result_without_layers_of_its_own_has_no_size(bed):
    with bed.content.lease() as lease:
        base = bed.layers.on(Tree(), b"base", lease)
        record = bed.cache.record(run("true", image()), [base], ["k"], [base], {})
    assert record.size_bytes == 0
    assert Edge(run("true", image())).vertex.digest
    assert isinstance(record.trees[0].diff_ids[0], Digest)
