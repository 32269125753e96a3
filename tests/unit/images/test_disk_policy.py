"""The policy takes the least recently used images, no more than needed, never used ones."""

import pytest

from baleen.errors import InvalidArgument
from baleen.images.disk_policy import Policy, make_plan, parse_age, parse_free

DAY = 86400
NOW = 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 7 * DAY), ("2w", 14 * DAY)],
)
def test_ages(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "7 d", "1h30m", "٣d", "9" * 10 + "d"])
def test_bad_ages(text):
    with pytest.raises(InvalidArgument, match="invalid age"):
        parse_age(text)


def test_free_space_as_size_or_share():
    assert parse_free("15%", int) == (0, 15)
    assert parse_free("123", int) == (123, 0)
    assert Policy(keep_free_bytes=5, keep_free_percent=10).goal(1000) == 100
    assert Policy(unused_for_s=1).goal(1000) is None


@pytest.fixture
def plan(world, build):
    """Three images on one base, used 30, 20 and 10 days ago."""
    base = build.layer({"base": b"b" * 9000})
    ages = {}
    for number, days in ((1, 30), (2, 20), (3, 10)):
        layers = [base, build.layer({"own": bytes([number]) * 3000})]
        list(world.store.load([build.docker(([f"app:{number}"], layers))]))
        ages[world.store.find_id(f"app:{number}")] = NOW - days * DAY * 10**9

    def make(policy, *, free=0, users=()):
        return make_plan(
            world.store._catalog,
            world.content,
            policy,
            free_bytes=free,
            size_bytes=1_000_000,
            now_ns=NOW,
            last_used=ages.__getitem__,
            users={str(world.store.find_id(ref)): 2 for ref in users},
        )

    return make


def names(verdicts):
    return [verdict.names[0] for verdict in verdicts]


def test_without_a_policy_nothing_goes(plan):
    found = plan(Policy())
    assert (names(found.remove), found.freed_bytes) == ([], 0)
    assert "no policy is set" in found.why
    assert {verdict.why for verdict in found.keep} == {"there is no policy"}


def test_age_alone(plan):
    found = plan(Policy(unused_for_s=15 * DAY))
    assert names(found.remove) == ["app:1", "app:2"]
    assert found.remove[0].why == "no container uses it, last used 30 days ago"
    assert found.keep[0].why == "used 10 days ago, the policy waits for 15 days"


def test_no_more_goes_than_is_wanted_and_the_oldest_first(plan):
    found = plan(Policy(keep_free_bytes=5000), free=1000)
    assert names(found.remove) == ["app:1"]
    assert [verdict.why for verdict in found.keep] == ["enough is free without it"] * 2
    assert names(plan(Policy(keep_free_bytes=5000), free=5000).remove) == []


def test_shared_bytes_are_freed_by_the_last_who_has_them(plan, world):
    found = plan(Policy(keep_free_percent=99))
    assert names(found.remove) == ["app:1", "app:2", "app:3"]
    assert found.remove[2].freed_bytes > found.remove[1].freed_bytes + 9000
    before = world.content.total_bytes() + sum(i.size_bytes for i in world.snapshotter.layers())
    _, freed = world.store.remove_unused([v.image_id for v in found.remove], lambda ref: [])
    assert freed == found.freed_bytes == before


def test_what_containers_use_never_goes(plan):
    found = plan(Policy(unused_for_s=1, keep_free_percent=99), users=["app:1"])
    assert names(found.remove) == ["app:2", "app:3"]
    assert found.keep[0].why == "2 containers were made from it"
    assert found.keep[0].view()["Names"] == ["app:1"]


def test_both_wishes_must_be_met(plan):
    assert names(plan(Policy(keep_free_percent=99, unused_for_s=25 * DAY)).remove) == ["app:1"]
