"""Results of other machines are taken by keys that we have computed, if their layers are here."""

from __future__ import annotations

from solver_bed import Events, edge, image, run

from baleen.build.graph import Edge
from baleen.build.solver.importing import ImportedResult
from baleen.build.trees import Tree


class Place:
    name = "registry:host/cache"

    def __init__(self, found=None):
        self.found = found
        self.asked = []

    async def find(self, keys, session):
        self.asked.append(tuple(keys))
        return self.found


async def solve(bed, target, place):
    with bed.session() as session:
        return await bed.solver.solve([edge(target)], session, Events(), importers=[place])


async def test_what_another_place_has_is_not_run_and_is_kept(bed):
    with bed.content.lease() as lease:
        tree = bed.layers.on(Tree(), b"imported", lease)
        place = Place(ImportedResult((tree,), created_ns=7))
        target = run("make", image())
        solution = await solve(bed, target, place)
    assert bed.layers.ran == []
    assert solution.tree(Edge(target)) == tree
    assert solution.created_ns(Edge(target)) == 7
    assert solution.verdict(target).source == "registry:host/cache"
    assert len(place.asked[0]) == 1
    again = await solve(bed, target, Place())
    assert again.verdict(target).source == "local"
    assert bed.cache.records()[0].imported


async def test_a_place_without_it_is_passed_over(bed):
    place = Place()
    await solve(bed, run("make", image()), place)
    assert bed.layers.ran == ["RUN make"]
    assert len(place.asked) == 1


async def test_a_result_of_the_wrong_shape_or_without_layers_is_none(bed):
    with bed.content.lease() as lease:
        tree = bed.layers.on(Tree(), b"gone", lease)
    bed.content.path(tree.layers[0].digest).unlink()
    for name, outputs in (("none", ()), ("gone", (tree,))):
        await solve(bed, run(name, image()), Place(ImportedResult(outputs, 1)))
    assert bed.layers.ran == ["RUN none", "RUN gone"]


async def test_no_place_is_asked_without_the_cache(bed):
    place = Place()
    await solve(bed, run("make", image(), ignore_cache=True), place)
    assert place.asked == []
