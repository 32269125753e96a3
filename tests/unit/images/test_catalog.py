"""The catalog reads a document once, and only of images that have a name."""

import pytest

from baleen.errors import InvalidArgument, NotFound
from baleen.images.catalog import Catalog
from baleen.images.names import NameTable


@pytest.fixture
def catalog(world, loaded):
    loaded("app:1", "app:2")
    names = NameTable(world.database)
    names.start()
    return Catalog(names, world.content, world.snapshotter, world.store.platform)


def test_documents_are_read_once(catalog, world):
    target, _ = catalog.find("app:1")
    image = catalog.image(target, None, asked="app:1")
    world.content.delete(image.manifest.config.digest)
    assert catalog.image(target, None, asked="app:1") == image
    catalog.forget(image.id)
    assert catalog.entries() == []


def test_what_has_no_name_is_not_kept(catalog, world):
    target, row = catalog.find("app:1")
    catalog.names.remove(row.key)
    catalog.names.remove(catalog.find("app:2")[1].key)
    assert catalog.variants(target) is not catalog.variants(target)


def test_a_name_without_tag_means_all_tags_only_for_saving(catalog):
    assert [str(name) for _, name in catalog.find_all("app")] == [
        "docker.io/library/app:1",
        "docker.io/library/app:2",
    ]
    with pytest.raises(NotFound):
        catalog.find("app")
    (found,) = catalog.find_all("app:2")
    assert found[1].tag == "2"


def test_new_names(catalog):
    assert catalog.new_name("x", "").familiar == "x:latest"
    assert catalog.new_name("x:1", "2").familiar == "x:2"
    with pytest.raises(InvalidArgument, match="digest reference"):
        catalog.new_name("x@sha256:" + "0" * 64, "")
