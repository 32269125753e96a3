"""The cache that an image carries."""

from __future__ import annotations

import msgspec
import pytest
from solver_bed import Bed, Events, copy, edge, image, run

from baleen.build.graph import Edge
from baleen.build.solver.cache_index import IndexImporter, cache_image, inline, read_index
from baleen.errors import InvalidArgument, NotFound
from baleen.oci.descriptor import encode_document
from baleen.oci.image import ImageConfig, RootFs, parse_image_config
from baleen.oci.platform import Platform

AMD64 = Platform(os="linux", architecture="amd64")


@pytest.fixture
def other(tmp_path):
    """Another machine."""
    (tmp_path / "other").mkdir()
    bed = Bed(tmp_path / "other")
    yield bed
    bed.database.close()


def target():
    builder = run("make", image("builder"))
    return run("last", copy("/app", image(), builder))


def fetching(here, there, fetched):
    """What brings layers from one machine to another."""

    async def fetch(layers, session):
        for layer in layers:
            fetched.append(layer.digest)
            there.content.put(here.content.read(layer.digest, limit=1 << 20), session.lease)

    return fetch


def again(config):
    """The config as it comes back from a registry."""
    return parse_image_config(encode_document(config))


async def solve_with(bed, importer, vertex):
    with bed.session() as session:
        return await bed.solver.solve([edge(vertex)], session, Events(), importers=[importer])


@pytest.mark.parametrize(("everything", "ran"), [(True, []), (False, ["RUN make"])])
async def test_another_machine_runs_only_what_the_cache_has_not(bed, other, everything, ran):
    bed.files.known["tree"] = other.files.known["tree"] = {"/app": "1"}
    solution, _ = await bed.build(target())
    config, tree = cache_image(solution, [Edge(target())], AMD64, everything=everything)
    assert config.diff_ids == tree.diff_ids
    fetched = []
    importer = IndexImporter("x", again(config), tree.layers, fetching(bed, other, fetched))
    found = await solve_with(other, importer, target())
    assert other.layers.ran == ran
    assert found.tree(Edge(target())) == solution.tree(Edge(target()))
    assert found.created_ns(Edge(target())) == solution.created_ns(Edge(target()))
    made = {layer.digest for layer in tree.layers}
    assert set(fetched) <= made


async def test_an_image_carries_the_cache_of_its_own_steps(bed, other):
    solution, _ = await bed.build(target())
    tree = solution.tree(Edge(target()))
    plain = ImageConfig(
        os="linux", architecture="amd64", rootfs=RootFs(type="layers", diff_ids=list(tree.diff_ids))
    )
    config = again(inline(plain, solution, tree))
    # Not those of the stage that files were copied from.
    assert len(read_index(config).records) == 2
    importer = IndexImporter("x", config, tree.layers, fetching(bed, other, []))
    await solve_with(other, importer, target())
    assert other.layers.ran == ["RUN make"]
    assert read_index(plain) is None


async def test_layers_that_do_not_come_are_no_result(bed, other):
    solution, _ = await bed.build(run("a", image()))
    config, tree = cache_image(solution, [Edge(run("a", image()))], AMD64, everything=False)

    async def fetch(layers, session):
        raise NotFound("the registry has lost it")

    await solve_with(
        other, IndexImporter("x", again(config), tree.layers, fetch), run("a", image())
    )
    assert other.layers.ran == ["RUN a"]


async def test_keys_of_another_base_are_not_found(bed, other):
    solution, _ = await bed.build(run("a", image()))
    config, tree = cache_image(solution, [Edge(run("a", image()))], AMD64, everything=True)
    importer = IndexImporter("x", again(config), tree.layers, fetching(bed, other, []))
    assert len(importer) > 0
    await solve_with(other, importer, run("a", image("another")))
    assert other.layers.ran == ["RUN a"]


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"null",
        b'{"records":1}',
        b'{"records":[{"keys":["a"]}]}',
        b'{"records":[{"keys":["a"],"outputs":[[0]]}]}',
        b'{"records":[{"keys":["a"],"outputs":[[-1]]}]}',
        b'{"records":[{"keys":[1],"outputs":[]}]}',
        b"[" * 5000 + b"]" * 5000,
        b'{"records":[' + b",".join([b'{"keys":[],"outputs":[]}'] * 10_001) + b"]}",
    ],
)
def test_nonsense_is_refused(document):
    config = ImageConfig(
        os="linux",
        architecture="amd64",
        rootfs=RootFs(type="layers"),
        build_cache=msgspec.Raw(document),
    )
    with pytest.raises(InvalidArgument):
        IndexImporter("x", config, (), None)


def test_layers_and_config_have_to_fit():
    config = ImageConfig(os="l", architecture="a", rootfs=RootFs(type="layers", diff_ids=None))
    with pytest.raises(InvalidArgument, match="names other layers"):
        IndexImporter("x", config, (None,), None)
    assert len(IndexImporter("x", config, (), None)) == 0
