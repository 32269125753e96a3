from __future__ import annotations

from baleen.oci.digest import Digest
from baleen.oci.reference import parse_reference


def test_repositories_of_the_same_registry_that_hold_the_blob(loaded, world):
    image = loaded("r.io/a/b:1", "r.io/a/b:2", "r.io/c:1", "s.io/d:1", "r.io/mine:1")
    store = world.store
    layer = store.resolve("r.io/c:1").manifest.layers[0].digest
    wanted = parse_reference("r.io/mine:1")
    assert sorted(store.repositories_with(layer, wanted)) == ["a/b", "c"]
    assert store.repositories_with(Digest.of(b"another"), wanted) == []
    assert store.repositories_with(layer, parse_reference("t.io/x:1")) == []
    del image


def test_only_a_few_are_tried(loaded, world):
    loaded(*(f"r.io/{name}:1" for name in "abcdefgh"))
    layer = world.store.resolve("r.io/a:1").manifest.layers[0].digest
    assert len(world.store.repositories_with(layer, parse_reference("r.io/x:1"))) == 3
