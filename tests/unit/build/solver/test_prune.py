"""Pruning takes what the filters and the sizes say, the longest unused first, nothing in use."""

from __future__ import annotations

import pytest
from solver_bed import image, run

from baleen.build.solver.prune import (
    PrunePolicy,
    default_policies,
    parse_filters,
    prune,
    select,
    total_bytes,
)
from baleen.build.trees import Tree
from baleen.errors import InvalidArgument

HOUR = 3600 * 10**9


@pytest.fixture
def records(bed):
    """Three records of 100 bytes, an hour between them, the first the oldest."""
    found = []
    for name in ("first", "second", "third"):
        with bed.content.lease() as lease:
            tree = bed.layers.on(Tree(), name.encode().ljust(100), lease)
            found.append(
                bed.cache.record(run(name, image(), name=name), [Tree()], [name], [tree], {})
            )
        bed.now += HOUR
    return found


def pruned(bed, *, shared=(), free=0, **policy):
    done = prune(
        bed.cache,
        PrunePolicy(**policy),
        now_ns=bed.now,
        is_shared=lambda digest: digest in shared,
        free_bytes=free,
    )
    left = sorted(record.description for record in bed.cache.records())
    return left, done.bytes


def test_all_goes_but_what_is_in_use(bed, records):
    bed.cache.hold(records[1].id)
    assert pruned(bed) == (["second"], 200)
    bed.cache.release([records[1].id])
    assert pruned(bed) == ([], 100)


def test_what_images_share_stays_unless_all_is_asked_and_frees_nothing(bed, records):
    shared = {records[0].trees[0].layers[0].digest}
    assert pruned(bed, shared=shared) == (["first"], 200)
    assert pruned(bed, shared=shared, all=True) == ([], 0)


def test_by_age(bed, records):
    assert pruned(bed, unused_ns=2 * HOUR) == (["third"], 200)


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ({"max_used_bytes": 250}, ["second", "third"]),
        ({"max_used_bytes": 300}, ["first", "second", "third"]),
        ({"reserved_bytes": 100}, ["third"]),
        ({"max_used_bytes": 1, "reserved_bytes": 200}, ["second", "third"]),
        ({"min_free_bytes": 150, "free": 0}, ["third"]),
        ({"min_free_bytes": 150, "free": 150}, ["first", "second", "third"]),
    ],
)
def test_by_size_the_longest_unused_first(bed, records, policy, left):
    assert len(records) == 3
    assert total_bytes(records) == 300
    assert pruned(bed, **policy)[0] == left


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"description": ["seco"]}, ["first", "third"]),
        ({"description": ["seco", "fir"]}, ["third"]),
        ({"type": ["regular"]}, []),
        ({"type": ["exec.cachemount"]}, ["first", "second", "third"]),
        ({"inuse": ["true"]}, ["first", "second", "third"]),
        ({"private": ["true"]}, []),
        ({"shared": ["1"]}, ["first", "second", "third"]),
        ({"mutable": [""]}, ["first", "second", "third"]),
        ({"parents": ["x"]}, ["first", "second", "third"]),
    ],
)
def test_by_filters(bed, records, filters, left):
    assert len(records) == 3
    known, unused_ns = parse_filters(filters)
    assert unused_ns == 0
    assert pruned(bed, filters=known)[0] == left


def test_by_id(bed, records):
    known, _ = parse_filters({"id": [records[0].id[:12]]})
    assert pruned(bed, filters=known)[0] == ["second", "third"]


def test_filters_that_make_no_sense_are_refused():
    assert parse_filters({"until": ["24h"]}) == ({}, 24 * HOUR)
    assert parse_filters({"unused-for": ["1h30m"]}) == ({}, HOUR * 3 // 2)
    with pytest.raises(InvalidArgument, match="invalid filter 'color'"):
        parse_filters({"color": ["red"]})
    with pytest.raises(InvalidArgument, match="exactly one value"):
        parse_filters({"until": ["1h", "2h"]})


def test_a_blob_that_another_record_holds_is_not_freed(bed, records):
    with bed.content.lease():
        bed.cache.record(
            run("same", image(), name="same"), [Tree()], ["same"], records[0].trees, {}
        )
    known, _ = parse_filters({"description": ["first"]})
    assert pruned(bed, filters=known) == (["same", "second", "third"], 0)


def test_by_default_a_tenth_of_the_disk_is_kept_and_six_tenths_are_the_most(bed, records):
    assert len(records) == 3

    def after(disk, free):
        policies = default_policies(disk)
        doomed = set()
        for policy in policies:
            doomed |= {
                record.description
                for record in select(
                    records,
                    policy,
                    now_ns=bed.now,
                    in_use=lambda _: False,
                    is_shared=lambda _: False,
                    free_bytes=free,
                )
            }
        return sorted(doomed)

    assert after(100_000, 50_000) == []
    assert after(350, 350) == ["first"]
    assert after(1_000, 100) == ["first"]
    assert after(2_000, 0) == ["first"]
