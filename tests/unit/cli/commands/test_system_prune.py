"""All prune commands."""

from __future__ import annotations


def routes(fake, fakes):
    fake.on(
        "POST",
        "/containers/prune",
        fakes.Reply({"ContainersDeleted": ["c1"], "SpaceReclaimed": 1000}),
    )
    fake.on("POST", "/networks/prune", fakes.Reply({"NetworksDeleted": None}))
    fake.on("POST", "/build/prune", fakes.Reply({"CachesDeleted": ["r"], "SpaceReclaimed": 4}))
    fake.on("POST", "/volumes/prune", fakes.Reply({"VolumesDeleted": ["v"], "SpaceReclaimed": 1}))
    fake.on(
        "POST",
        "/images/prune",
        fakes.Reply({"ImagesDeleted": [{"Untagged": "a:b"}], "SpaceReclaimed": 2}),
    )


def test_nothing_happens_without_a_yes(baleen, fake, fakes):
    routes(fake, fakes)
    for answer in (b"", b"\n", b"n\n", b"nope\n"):
        for argv in (["system"], ["container"], ["image"], ["network"], ["volume"]):
            outcome = baleen(*argv, "prune", stdin=answer)
            assert outcome.code == 0
            assert "Are you sure you want to continue? [y/N]" in outcome.out
    assert fake.requests == []


def test_everything_is_reported(baleen, fake, fakes):
    routes(fake, fakes)
    assert baleen("system", "prune", "-f", "--volumes").out == (
        "Deleted Containers:\nc1\n\nDeleted Volumes:\nv\n\nDeleted Images:\nuntagged: a:b\n\n"
        "Deleted build cache objects:\nr\n\nTotal reclaimed space: 1.007kB\n"
    )
    assert fake.last("/images/prune").query == {"filters": ['{"dangling":["true"]}']}
    baleen("image", "prune", "-af", "--filter", "until=1h")
    assert fake.last("/images/prune").query == {
        "filters": ['{"dangling":["false"],"until":["1h"]}']
    }
    baleen("volume", "prune", "-af")
    assert fake.last("/volumes/prune").query == {"filters": ['{"all":["true"]}']}
