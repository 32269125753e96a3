"""Retention rules."""

from __future__ import annotations

import pytest
from registry_bed import OCI_INDEX, OCI_MANIFEST, START, Recorder, descriptor, digest_of, index

from baleen.registry.metadata.retention import Tagged
from baleen.registry.retention import Removal, choose_tags, retain
from baleen.registry.settings import RetentionRule

HOUR = 3600
NOW = START


def tags(*names):
    """One an hour, newest first."""
    return [Tagged(name, "d", NOW - number * HOUR) for number, name in enumerate(names)]


def chosen(rules, *names, repository="r"):
    return [tag.name for tag, _ in choose_tags(repository, tags(*names), rules, NOW)]


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        ([RetentionRule(keep=2)], ["b", "a", "v1"]),
        ([RetentionRule(age="2h")], ["b", "a", "v1"]),
        ([RetentionRule(age="90m")], ["b", "a", "v1"]),
        ([RetentionRule(keep=4, age="1h")], ["v1"]),
        ([RetentionRule(keep=1, age="200m")], ["v1"]),
        ([RetentionRule(tags="v*", keep=10), RetentionRule(keep=1)], ["c", "b", "a"]),
        ([RetentionRule(tags="[ab]", keep=1)], ["a"]),
        ([RetentionRule(repositories="s*", keep=0)], []),
        ([RetentionRule(repositories="r", keep=0)], ["d", "c", "b", "a", "v1"]),
        ([RetentionRule(untagged=True)], []),
    ],
)
def test_the_first_rule_that_matches_decides(rules, gone):
    assert chosen(rules, "d", "c", "b", "a", "v1") == gone


def test_the_reason_is_told():
    rules = [RetentionRule(tags="ci-*", keep=1, age="1h")]
    ((_, reason),) = choose_tags("r", tags("ci-3", "x", "ci-1"), rules, NOW)
    assert reason == "more than 1 newer tags match ci-*, older than 1h"


async def test_a_dry_run_foretells_and_changes_nothing(registry):
    for number in range(3):
        registry.clock.now = START + number
        await registry.push_image("r", f"v{number}", str(number))
    registry.clock.now = START + 10_000
    rules = [RetentionRule(keep=1, untagged=True)]
    events = Recorder()
    foretold = await retain(registry.contents, rules, events, dry_run=True)
    assert events.events == []
    assert (await registry.get("/v2/r/tags/list")).json["tags"] == ["v0", "v1", "v2"]
    done = await retain(registry.contents, rules, events)
    assert set(done) == set(foretold)
    assert [removal.tag for removal in done] == ["v1", "v0", "", ""]
    assert (await registry.get("/v2/r/tags/list")).json["tags"] == ["v2"]
    assert [event.tag for event in events.events] == ["v1", "v0", "", ""]
    assert all(event.request is None for event in events.events)
    assert await retain(registry.contents, rules, events) == []


async def test_what_something_keeps_is_not_untagged(registry):
    tagged, _ = await registry.push_image("r", "v1", "tagged")
    child, child_raw = await registry.push_image("r", "", "child")
    await registry.push_manifest("r", "all", index([child_raw]), OCI_INDEX)
    subject = {**descriptor(b"", OCI_MANIFEST), "digest": tagged}
    referrer, _ = await registry.push_image("r", "", "referrer", subject=subject)
    alone, _ = await registry.push_image("r", "", "alone")
    gone = {**descriptor(b"", OCI_MANIFEST), "digest": digest_of(b"gone")}
    orphan, _ = await registry.push_image("r", "", "orphan", subject=gone)
    rules = [RetentionRule(untagged=True)]
    assert await retain(registry.contents, rules, Recorder()) == []
    registry.clock.now += HOUR + 1
    removed = await retain(registry.contents, rules, Recorder())
    assert {removal.digest for removal in removed} == {alone, orphan}
    # Without the index, what only it kept goes too, and what refers to that.
    await registry.request("DELETE", "/v2/r/manifests/all")
    await registry.request("DELETE", "/v2/r/manifests/v1")
    registry.clock.now += HOUR + 1
    foretold = await retain(registry.contents, rules, Recorder(), dry_run=True)
    removed = await retain(registry.contents, rules, Recorder())
    assert {removal.digest for removal in removed} >= {child, tagged, referrer}
    assert {removal.digest for removal in foretold} == {removal.digest for removal in removed}


def test_a_removal_reads_as_a_line():
    assert str(Removal("ci/app", "1", "sha256:ab", "older")) == "ci/app:1 (older)"
    assert str(Removal("ci/app", "", "sha256:ab", "no tag")) == "ci/app@sha256:ab (no tag)"
