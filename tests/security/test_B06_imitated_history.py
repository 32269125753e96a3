"""B06: an image whose history looks like a build's is no cache: only keys that we computed are."""

from __future__ import annotations

import json

import pytest
from attack_lab import Layer, busybox_layers, image_archive, put
from attack_lab import load as load_image
from building_bed import build, built, dockerfile

pytestmark = pytest.mark.integration

RUN = "echo real > /marker"


def imitations(command: str) -> list[dict[str, object]]:
    """Return histories as the classic builder and BuildKit write them."""
    classic = {"created": "2020-01-01T00:00:00Z", "created_by": f"/bin/sh -c {command}"}
    buildkit = {
        "created": "2020-01-01T00:00:00Z",
        "created_by": f"RUN /bin/sh -c {command} # buildkit",
        "comment": "buildkit.dockerfile.v0",
    }
    return [classic, buildkit]


def crafted(engine, name: str, last: dict[str, object]) -> None:
    """Load an image on our busybox's very layers, with a false layer of that history."""
    base = busybox_layers(engine)
    shown = engine.api("GET", "/images/busybox/history").json()
    history = [
        {"created_by": item["CreatedBy"], "empty_layer": item["Size"] == 0}
        for item in reversed(shown)
    ]
    layers = [*base, bytes(Layer().file("marker", b"false\n"))]
    config = {"Cmd": ["sh"], "Env": ["PATH=/bin"]}
    load_image(
        engine,
        image_archive(
            name,
            layers,
            config,
            history=[*history, last],
            parent="sha256:" + "0" * 64,
            container_config={"Cmd": ["/bin/sh", "-c", RUN]},
        ),
    )


@pytest.mark.parametrize("style", [0, 1], ids=["classic", "buildkit"])
def test_a_crafted_image_gives_no_cache_hit(engine, style):
    name = f"crafted{style}:1"
    crafted(engine, name, imitations(RUN)[style])
    for query in ({}, {"cachefrom": json.dumps([name])}):
        tag = f"b06:{style}{len(query)}"
        answer = built(engine, dockerfile("FROM busybox", f"RUN {RUN}"), t=tag, nocache="", **query)
        if not query and style == 0:
            assert "Using cache" not in answer.output
        assert engine.out("run", "--rm", "--network=none", tag, "cat", "/marker") == "real"


def test_from_scratch_with_a_copy_that_was_imitated(engine):
    layer = bytes(Layer().file("a", b"false\n", mode=0o644))
    load_image(
        engine,
        image_archive(
            "crafted-copy:1",
            [layer],
            {},
            history=[{"created_by": "COPY a / # buildkit", "comment": "buildkit.dockerfile.v0"}],
        ),
    )
    body = dockerfile("FROM scratch", "COPY a /", a="real\n")
    answer = built(engine, body, t="b06-copy:1", cachefrom='["crafted-copy:1"]')
    assert "Using cache" not in answer.output
    container = engine.out("create", "b06-copy:1", "/x")
    assert b"real\n" in engine.api("GET", f"/containers/{container}/archive?path=/a").body


def test_a_build_on_the_crafted_image_knows_it_for_another_base(engine):
    """The same text on another base with the same name is another build."""
    built(engine, dockerfile("FROM busybox", f"RUN {RUN} # b06"), t="b06-base:1")
    crafted(engine, "b06-other:1", imitations("other")[1])
    engine.docker("tag", "b06-other:1", "b06-name:1")
    first = built(engine, dockerfile("FROM b06-name:1", "RUN cat /marker > /seen"), t="b06-x:1")
    engine.docker("tag", "b06-base:1", "b06-name:1")
    second = built(engine, dockerfile("FROM b06-name:1", "RUN cat /marker > /seen"), t="b06-x:2")
    assert first.image != second.image
    assert engine.out("run", "--rm", "--network=none", "b06-x:1", "cat", "/seen") == "false"
    assert engine.out("run", "--rm", "--network=none", "b06-x:2", "cat", "/seen") == "real"


def test_writing_into_a_loaded_image_changes_no_cached_result(engine):
    body = dockerfile("FROM busybox", "RUN echo kept > /kept")
    one = built(engine, body, t="b06-kept:1")
    container = engine.out("create", "b06-kept:1", "true")
    put(engine, container, "/", bytes(Layer().file("kept", b"changed\n")))
    two = built(engine, body, t="b06-kept:2")
    assert one.image == two.image
    assert engine.out("run", "--rm", "--network=none", "b06-kept:2", "cat", "/kept") == "kept"
    assert build(engine, body).error == ""
