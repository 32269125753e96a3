"""G16: collection while everything is pushed, deleted and pushed again loses nothing."""

from __future__ import annotations

import asyncio
import json
import random
import time

import pytest
from registry_bed import digest_of, manifest, opened

from baleen.registry.garbage import collect

LAYERS = [f"layer {number}".encode() for number in range(6)]
NAMES = ["a", "b"]
WORKERS = 8
ROUNDS = 25


async def push_blob(registry, name, data):
    """As docker does: ask, mount, else upload; what it has been told of it does not push again."""
    digest = digest_of(data)
    if (await registry.request("HEAD", f"/v2/{name}/blobs/{digest}")).status == 200:
        return
    other = "b" if name == "a" else "a"
    path = f"/v2/{name}/blobs/uploads/?mount={digest}&from={other}"
    answer = await registry.request("POST", path)
    if answer.status == 202:
        path = f"{answer.headers['location']}?digest={digest}"
        assert (await registry.request("PUT", path, data)).status == 201


async def push(registry, name, tag, layers, salt):
    for layer in (b"{}", *layers):
        await push_blob(registry, name, layer)
    raw = json.dumps(manifest(layers=layers, annotations={"salt": salt})).encode()
    answer = await registry.push_manifest(name, tag, raw)
    return answer, digest_of(raw)


async def complete(registry, name, digest):
    answer = await registry.get(f"/v2/{name}/manifests/{digest}")
    assert answer.status == 200
    document = answer.json
    entries = [document["config"], *document["layers"]]
    for entry in entries:
        blob = await registry.get(f"/v2/{name}/blobs/{entry['digest']}")
        assert (blob.status, digest_of(blob.body)) == (200, entry["digest"])
    return {entry["digest"] for entry in entries}


# With a grace period of nothing a push may be refused and has to be repeated, but what was
# acknowledged is whole; with a real one no push is ever refused.
@pytest.mark.parametrize("grace_s", [0.0, 600.0])
async def test_what_was_acknowledged_is_whole(tmp_path, grace_s):
    # The age of what only the storage knows is that of its files, so the time is the real one.
    async with opened(tmp_path / "data", grace_s=grace_s, now=time.time()) as registry:
        alive: dict[tuple[str, str], str] = {}
        refused = collections = removed = 0
        pushing = asyncio.Event()

        async def work(number):
            nonlocal refused
            chance = random.Random(number)
            for round_ in range(ROUNDS):
                registry.clock.now += 0.001
                name = chance.choice(NAMES)
                tag = f"t{number}"
                own = f"layer of {number} in {round_ % 3}".encode()
                layers = [own, *chance.sample(LAYERS, 3)]
                answer, digest = await push(registry, name, tag, layers, f"{number}.{round_}")
                if answer.status != 201:
                    assert answer.code == "MANIFEST_BLOB_UNKNOWN"
                    refused += 1
                    continue
                if (old := alive.get((name, tag))) is not None:
                    answer = await registry.request("DELETE", f"/v2/{name}/manifests/{old}")
                    assert answer.status == 202
                alive[name, tag] = digest
                if chance.random() < 0.3:
                    await registry.request("DELETE", f"/v2/{name}/manifests/{digest}")
                    del alive[name, tag]

        async def clean():
            nonlocal collections, removed
            while not pushing.is_set():
                report = await collect(registry.contents, upload_age_s=600.0)
                collections += 1
                removed += report.blobs
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            cleaner = group.create_task(clean())
            async with asyncio.TaskGroup() as workers:
                for number in range(WORKERS):
                    workers.create_task(work(number))
            pushing.set()
            await cleaner
        assert collections > 5
        assert (removed > 0) == (grace_s == 0)
        if grace_s:
            assert refused == 0
        assert alive
        for (name, tag), digest in alive.items():
            assert (await registry.get(f"/v2/{name}/manifests/{tag}")).status == 200
            await complete(registry, name, digest)
        # In the end nothing is left but what is alive.
        registry.clock.now += 10_000
        await collect(registry.contents, upload_age_s=600.0)
        used = set()
        for (name, _), digest in alive.items():
            used |= await complete(registry, name, digest)
        stored = [path.name.partition(".")[0] for path in registry.root.glob("blobs/*/*/*")]
        assert sorted(stored) == sorted(digest.partition(":")[2] for digest in used)


async def test_a_deleted_and_pushed_again_image_is_whole(tmp_path):
    async with opened(tmp_path / "data", grace_s=0.0) as registry:
        for round_ in range(10):
            answer, digest = await push(registry, "a", "t", LAYERS, "same")
            assert answer.status == 201
            await complete(registry, "a", digest)
            await registry.request("DELETE", f"/v2/a/manifests/{digest}")
            registry.clock.now += 1
            if round_ % 2:
                await collect(registry.contents, upload_age_s=None)
