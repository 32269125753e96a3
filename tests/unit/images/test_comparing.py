"""The documents of `image tree` and `image diff`."""

import pytest

from baleen.images.comparing import diff_document, tree_document


@pytest.fixture
def images(world, build):
    """`one` and `two` share a base; `two` has a file more and another command."""
    base = build.layer({"a": b"1" * 100, "b": b"2" * 50})
    for name, files, changes in (
        ("one:1", {"b": b"3" * 50}, {}),
        ("two:1", {"b": b"3" * 60, "c": b"4"}, {"config": {"Cmd": ["other"]}}),
    ):
        archive = build.docker(([name], [base, build.layer(files)], changes))
        list(world.store.load([archive]))
    return world.store.resolve("one:1"), world.store.resolve("two:1")


def test_a_tree_tells_what_each_layer_did(world, images):
    found = tree_document(world.content, images[0], everything=False)
    first, second = found["Layers"]
    assert (first["Added"], first["Size"], first["Wasted"]) == (2, 150, 0)
    assert (second["Changed"], second["Size"], second["Wasted"]) == (1, 50, 50)
    assert (found["Size"], found["Visible"], found["Wasted"]) == (200, 150, 50)
    assert first["CreatedBy"] == "step 0"
    assert second["Paths"] == [{"Path": "/b", "Kind": "changed", "Size": 50, "Hidden": 50}]


def test_only_the_heaviest_paths_unless_all_are_wanted(world, build):
    layer = build.layer({f"f{n:02}": b"x" * n for n in range(20)})
    list(world.store.load([build.docker((["app:1"], [layer]))]))
    image = world.store.resolve("app:1")
    short = tree_document(world.content, image, everything=False)["Layers"][0]["Paths"]
    assert [path["Size"] for path in short] == list(range(19, 9, -1))
    assert len(tree_document(world.content, image, everything=True)["Layers"][0]["Paths"]) == 20


def test_a_diff_tells_files_layers_and_configuration(world, images):
    found = diff_document(world.content, *images)
    assert found["CommonLayers"] == 1
    assert [len(found[side]["OwnLayers"]) for side in ("From", "To")] == [1, 1]
    assert [(p["Kind"], p["Path"], p["SizeBefore"], p["SizeAfter"]) for p in found["Paths"]] == [
        ("changed", "/b", 50, 60),
        ("added", "/c", 0, 1),
    ]
    assert (found["Added"], found["Changed"], found["Removed"], found["SizeChange"]) == (
        1,
        1,
        0,
        11,
    )
    config = {item["Field"]: (item["Before"], item["After"]) for item in found["Config"]}
    assert config["Cmd"] == (["sh"], ["other"])
    assert config["Env"] == (["A=b"], None)


def test_the_way_back_is_the_opposite(world, images):
    found = diff_document(world.content, images[1], images[0])
    assert [(path["Kind"], path["Path"]) for path in found["Paths"]] == [
        ("changed", "/b"),
        ("removed", "/c"),
    ]
    assert found["SizeChange"] == -11


def test_an_image_does_not_differ_from_itself(world, images):
    found = diff_document(world.content, images[0], images[0])
    assert (found["Paths"], found["Config"], found["CommonLayers"]) == ([], [], 2)
