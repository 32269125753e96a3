from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from baleen.engine.explaining.layers import explain_layers
from baleen.oci.digest import Digest
from baleen.snapshots import Mounts
from baleen.snapshots.snapshotter import LayerInfo

CHAINS = [Digest(f"sha256:{number:064}") for number in (1, 2)]
DIFFS = [Digest(f"sha256:{number:064}") for number in (3, 4)]
BLOBS = [SimpleNamespace(digest=f"sha256:{number:064}", size=number) for number in (5, 6)]
LAYERS = [
    LayerInfo(CHAINS[0], None, Path("/l/base"), 1000),
    LayerInfo(CHAINS[1], CHAINS[0], Path("/l/top"), 20),
]


def image(history=None):
    return SimpleNamespace(
        chain_ids=tuple(CHAINS),
        manifest=SimpleNamespace(layers=BLOBS),
        config=SimpleNamespace(diff_ids=tuple(DIFFS), history=history),
    )


def step(text, *, empty=False):
    return SimpleNamespace(created_by=text, empty_layer=empty)


def test_top_most_first_with_what_the_image_says():
    roots = Mounts(("/l/top", "/l/base"), "/active/upper", "/active/work")
    history = [step("ADD rootfs"), step("ENV x", empty=True), step("RUN y")]
    writable, top, base = explain_layers(roots, LAYERS, image(history))
    assert (writable.role, writable.directory) == ("writable", "/active/upper")
    assert (top.digest, top.size, top.unpacked_size) == (BLOBS[1].digest, 6, 20)
    assert (top.diff_id, top.chain_id, top.created_by) == (str(DIFFS[1]), str(CHAINS[1]), "RUN y")
    assert (base.directory, base.created_by) == ("/l/base", "ADD rootfs")


def test_an_image_that_is_gone_leaves_the_chain_ids():
    top, base = explain_layers(Mounts(("/l/top", "/l/base"), None, None), LAYERS, None)
    assert (top.chain_id, top.digest, top.size) == (str(CHAINS[1]), "", 0)
    assert base.role == "image"


def test_a_history_that_does_not_fit_is_not_guessed_at():
    found = explain_layers(None, LAYERS, image([step("only one")]))
    assert [layer.created_by for layer in found] == ["", ""]
    assert [layer.chain_id for layer in found] == [str(CHAINS[1]), str(CHAINS[0])]


def test_a_directory_without_layer_is_empty():
    (only,) = explain_layers(Mounts(("/empty",), None, None), LAYERS, image())
    assert only.role == "base"


def test_layers_with_mapped_owners_say_so():
    roots = Mounts(("/l/top", "/l/base", "/base"), "/active/upper", "/active/work", 7)
    found = explain_layers(roots, LAYERS, image())
    assert [(layer.role, layer.mapped) for layer in found] == [
        ("writable", False),
        ("image", True),
        ("image", True),
        ("base", True),
    ]
