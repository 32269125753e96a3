"""Names, ids, lists and removal, as the API shows them."""

import msgspec
import pytest

from baleen.errors import Conflict, DataLoss, InvalidArgument, NotFound
from baleen.images import ImageUser
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.media_types import OCI_MANIFEST
from baleen.oci.platform import Platform
from baleen.oci.reference import parse_reference

RUNNING = [ImageUser("c" * 64, running=True)]
STOPPED = [ImageUser("d" * 64, running=False)]


def unused(image_id):
    return []


def test_an_image_is_found_by_all_its_names(store, loaded):
    image_id = loaded("app:1", "registry.example:5000/x/app:2")
    short = image_id.encoded[:12]
    for ref in (
        "app:1", "docker.io/library/app:1", "registry.example:5000/x/app:2", image_id,
        image_id.encoded, short, f"sha256:{short}", f"app@{image_id}", f"app:1@{image_id}",
    ):  # fmt: skip
        assert store.resolve(ref).id == image_id
        assert store.exists(ref)
    image = store.resolve("app:1")
    assert image.repo_tags == ("app:1", "registry.example:5000/x/app:2")
    assert image.repo_digests == (f"app@{image_id}", f"registry.example:5000/x/app@{image_id}")
    assert image.config.execution.cmd == ["sh"]
    assert image.chain_id == image.chain_ids[-1]


@pytest.mark.parametrize(
    ("ref", "error", "message"),
    [
        ("nope", NotFound, "^No such image: nope:latest$"),
        ("nope:1", NotFound, "^No such image: nope:1$"),
        ("app", NotFound, "^No such image: app:latest$"),
        ("a.b/c", NotFound, "^No such image: a.b/c:latest$"),
        ("e" * 64, NotFound, "^No such image: e{64}$"),
        ("sha256:eeee", NotFound, "^No such image: sha256:eeee$"),
        (f"app@sha256:{'e' * 64}", NotFound, "^No such image: app@sha256:e{64}$"),
        ("App", InvalidArgument, "must be lowercase"),
        ("", InvalidArgument, "^invalid reference format$"),
        ("a b", InvalidArgument, "^invalid reference format$"),
    ],
)
def test_what_is_not_there_is_said_in_dockers_words(store, loaded, ref, error, message):
    loaded("app:1")
    with pytest.raises(error, match=message):
        store.resolve(ref)
    assert not store.exists(ref)


def test_a_name_wins_over_an_id_prefix(store, loaded):
    first = loaded("app:1")
    second = loaded(f"{first.encoded[:12]}:latest", files={"other": b"x"})
    assert store.resolve(first.encoded[:12]).id == second
    assert store.resolve(f"sha256:{first.encoded[:12]}").id == first


def test_an_ambiguous_prefix_is_an_error(store):
    for number, letter in enumerate("ab"):
        digest = Digest("sha256:abcd" + letter * 60)
        target = Descriptor(media_type=OCI_MANIFEST, digest=digest, size=1)
        store.put(target, [parse_reference(f"app:{number}")])
    with pytest.raises(NotFound, match="ambiguous reference: 2 images begin with abcd"):
        store.remove("abcd", in_use=unused)
    assert store.exists("abcda")


def test_tagging_moves_names(store, loaded, world):
    first = loaded("app:1")
    second = loaded("app:2", files={"g": b"2"})
    store.tag("app:1", "team/app", "")
    assert store.resolve("team/app:latest").id == first
    store.tag("app:2", "team/app", "latest")
    assert store.resolve("team/app").id == second
    assert ("tag", str(second), {"name": "team/app:latest"}) in world.events
    with pytest.raises(InvalidArgument, match="lowercase"):
        store.tag("app:1", "Bad", "")
    with pytest.raises(InvalidArgument, match="invalid tag format"):
        store.tag("app:1", "x", "-")
    with pytest.raises(InvalidArgument, match="digest"):
        store.tag("app:1", f"x@{first}", "")
    with pytest.raises(NotFound):
        store.tag("nope", "x", "")


def test_an_image_that_loses_its_name_to_another_becomes_dangling(store, loaded):
    first = loaded("app:1")
    loaded("app:1", files={"g": b"2"})
    assert store.resolve(first).repo_tags == ()
    assert [s["Id"] for s in store.summaries(filters={"dangling": ["true"]})] == [first]
    store.tag(first, "back", "")
    assert store.summaries(filters={"dangling": ["true"]}) == []


def test_everything_is_there_after_a_restart(world, loaded):
    loaded("app:1")
    dangling = loaded(files={"g": b"2"})
    before = world.store.summaries()
    store = world.restart()
    assert store.summaries() == before
    assert store.resolve(dangling).repo_tags == ()
    assert store.count() == 2


def test_summaries_have_the_apis_shape(store, loaded):
    image_id = loaded("app:1")
    (summary,) = store.summaries(
        manifests=True,
        shared_size=True,
        in_use=lambda i: [ImageUser(c, running=False) for c in "abc"],
    )
    assert msgspec.json.decode(msgspec.json.encode(summary)) == summary
    assert summary["Id"] == image_id
    assert (summary["Containers"], summary["ParentId"], summary["SharedSize"]) == (3, "", 0)
    assert summary["Created"] == 1704164645
    assert summary["Labels"] == {"k": "v"}
    assert summary["Descriptor"]["digest"] == image_id
    assert summary["Manifests"][0]["Available"] is True
    (plain,) = store.summaries()
    assert (plain["Containers"], plain["SharedSize"]) == (-1, -1)
    assert "Manifests" not in plain


def test_a_filter_by_name_hides_the_digests_of_other_names(store, loaded):
    loaded("app:1")
    store.tag("app:1", "x/y", "2")
    (summary,) = store.summaries(filters={"reference": ["x/*"]})
    assert summary["RepoTags"] == ["x/y:2"]
    assert [name.partition("@")[0] for name in summary["RepoDigests"]] == ["x/y"]


def test_lists_are_filtered(store, loaded):
    loaded("old:1", created="2020-01-01T00:00:00Z")
    loaded("mid:1", created="2021-01-01T00:00:00Z", config={"Labels": {"k": "w"}})
    loaded("x/new:2", created="2022-01-01T00:00:00Z", config=None)

    def tags(**filters):
        return [s["RepoTags"][0] for s in store.summaries(filters=filters)]

    assert tags() == ["x/new:2", "mid:1", "old:1"]
    assert tags(label=["k"]) == ["mid:1", "old:1"]
    assert tags(label=["k=w"]) == ["mid:1"]
    assert tags(reference=["*:1"]) == ["mid:1", "old:1"]
    assert tags(reference=["x/*"]) == ["x/new:2"]
    assert tags(reference=["mid"]) == ["mid:1"]
    assert tags(before=["mid:1"]) == ["old:1"]
    assert tags(since=["mid:1"]) == ["x/new:2"]
    assert tags(until=["2021-06-01"]) == ["mid:1", "old:1"]
    assert tags(dangling=["false"]) == tags()
    assert tags(dangling=["true"]) == []
    with pytest.raises(InvalidArgument, match=r"^invalid filter 'x'$"):
        tags(x=["1"])
    with pytest.raises(InvalidArgument, match="invalid filter 'dangling="):
        tags(dangling=["maybe"])
    with pytest.raises(NotFound, match="No such image: none:latest"):
        tags(before=["none"])


def test_inspection_and_history(store, loaded, world):
    image_id = loaded("app:1")
    view = store.inspect("app:1", manifests=True)
    assert msgspec.json.decode(msgspec.json.encode(view)) == view
    assert view["Config"] == {"Cmd": ["sh"], "Env": ["A=b"], "Labels": {"k": "v"}}
    assert view["RootFS"]["Type"] == "layers"
    assert len(view["RootFS"]["Layers"]) == 1
    assert view["Metadata"]["LastTagTime"].endswith("Z")
    assert "Comment" not in view
    (step,) = store.history("app:1")
    assert step == {
        "Comment": "", "Created": 0, "CreatedBy": "step 0", "Id": image_id, "Size": 7,
        "Tags": ["app:1"],
    }  # fmt: skip


def test_removal_by_name_untags_then_deletes(store, loaded, world):
    image_id = loaded("app:1", "app:2")
    assert store.remove("app:1", in_use=unused) == [{"Untagged": "app:1"}]
    assert store.remove("app:2", in_use=unused) == [
        {"Untagged": "app:2"},
        {"Deleted": str(image_id)},
    ]
    assert world.left_over() == []
    assert world.events[-1] == ("delete", str(image_id), {"name": str(image_id)})
    with pytest.raises(NotFound):
        store.remove("app:2", in_use=unused)


def test_removal_by_id(store, loaded, world):
    image_id = loaded("app:1", "app:2")
    with pytest.raises(
        Conflict,
        match=rf"^conflict: unable to delete {image_id.short} \(must be forced\) - "
        "image is referenced in multiple repositories$",
    ):
        store.remove(image_id, in_use=unused)
    assert store.remove(image_id.encoded[:10], force=True, in_use=unused) == [
        {"Untagged": "app:1"},
        {"Untagged": "app:2"},
        {"Deleted": str(image_id)},
    ]
    assert world.left_over() == []


def test_an_image_in_use_is_protected(store, loaded, world):
    image_id = loaded("app:1")
    with pytest.raises(
        Conflict,
        match=r'^conflict: unable to remove repository reference "app:1" \(must force\) - '
        rf"container d{{12}} is using its referenced image {image_id.short}$",
    ):
        store.remove("app:1", in_use=lambda i: STOPPED)
    store.tag("app:1", "web", "latest")
    store.remove("app:1", in_use=lambda i: STOPPED)
    with pytest.raises(Conflict, match=r'reference "web" \(must force\)'):
        store.remove("web", in_use=lambda i: STOPPED)
    store.tag("web", "app", "1")
    store.remove("web", in_use=lambda i: STOPPED)
    with pytest.raises(Conflict, match=r"cannot be forced\) - .*running container c{12}$"):
        store.remove(image_id, force=True, in_use=lambda i: RUNNING)
    with pytest.raises(Conflict, match=r"must be forced\) - .*stopped container d{12}$"):
        store.remove(image_id, in_use=lambda i: STOPPED)
    assert store.remove("app:1", force=True, in_use=lambda i: STOPPED) == [{"Untagged": "app:1"}]
    assert store.resolve(image_id).repo_tags == ()


def test_layers_that_others_need_stay(store, world, build):
    base, one, two = (build.layer({name: b"1"}) for name in "abc")
    list(store.load([build.docker((["x:1"], [base, one]), (["y:1"], [base, two]))]))
    assert len(world.snapshotter.committed) == 3
    store.remove("x:1", in_use=unused)
    assert len(world.snapshotter.committed) == 2
    world.snapshotter.used.update(world.snapshotter.committed)
    store.remove("y:1", in_use=unused)
    assert len(world.snapshotter.committed) == 2
    world.snapshotter.used.clear()
    store.collect_garbage()
    assert world.left_over() == []


def test_pruning(store, loaded, world):
    kept = loaded("app:1")
    dangling = loaded(files={"g": b"2"})
    result = store.prune(filters={}, in_use=lambda i: STOPPED)
    assert result == {"ImagesDeleted": None, "SpaceReclaimed": 0}
    result = store.prune(filters={}, in_use=unused)
    assert result["ImagesDeleted"] == [{"Deleted": str(dangling)}]
    assert result["SpaceReclaimed"] > 10_000
    assert store.prune(filters={"label!": ["k"], "dangling": ["0"]}, in_use=unused) == {
        "ImagesDeleted": None,
        "SpaceReclaimed": 0,
    }
    result = store.prune(filters={"dangling": ["false"]}, in_use=unused)
    assert result["ImagesDeleted"] == [{"Untagged": "app:1"}, {"Deleted": str(kept)}]
    assert world.left_over() == []
    with pytest.raises(InvalidArgument, match="invalid filter 'reference'"):
        store.prune(filters={"reference": ["x"]}, in_use=unused)


def test_the_platform_is_chosen(store, build):
    host, other = build.layer({"h": b"1"}), build.layer({"o": b"1"})
    name = {"io.containerd.image.name": "docker.io/library/app:1"}
    list(store.load([build.oci([(name, [("arm64", [other]), ("amd64", [host])])])]))
    image = store.resolve("app:1")
    assert image.config.architecture == "amd64"
    assert image.id == image.target.digest != image.manifest_descriptor.digest
    assert (
        store.resolve("app:1", platform=Platform.parse("linux/arm64")).config.architecture
        == "arm64"
    )
    with pytest.raises(NotFound, match=r"app:1 .* specified platform \(linux/s390x\)"):
        store.resolve("app:1", platform=Platform.parse("linux/s390x"))
    assert len(store.summaries(manifests=True)[0]["Manifests"]) == 2


def test_a_damaged_image_is_named_left_out_of_lists_and_can_be_removed(world, loaded):
    image_id = loaded("app:1")
    config = world.store.resolve("app:1").manifest.config.digest
    path = world.content.path(config)
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    store = world.restart()
    with pytest.raises(DataLoss, match=rf"image {image_id} can not be used: content {config}"):
        store.resolve("app:1")
    assert store.summaries() == []
    assert {"Deleted": str(image_id)} in store.remove("app:1", in_use=unused)
    assert world.left_over() == []


def test_a_lost_layer_is_unpacked_again(world, loaded):
    loaded("app:1")
    image = world.store.resolve("app:1")
    world.snapshotter.remove_layer(image.chain_id)
    assert world.store.unpack(image) == image.chain_id
    assert (world.snapshotter.layer(image.chain_id).path / "f").read_bytes() == b"content"


def test_a_corrupt_layer_is_found_when_unpacked(world, loaded):
    loaded("app:1")
    image = world.store.resolve("app:1")
    world.snapshotter.remove_layer(image.chain_id)
    blob = world.content.path(image.manifest.layers[0].digest)
    data = bytearray(blob.read_bytes())
    data[512] ^= 1
    blob.write_bytes(data)
    with pytest.raises(DataLoss, match=f"content {image.manifest.layers[0].digest}"):
        world.store.unpack(image)
    assert world.snapshotter.committed == {}


def test_what_a_crash_left_is_collected_at_start(world, loaded):
    loaded("app:1")
    before = world.blobs()
    with world.content.lease() as lease:
        world.content.put(b"orphan", lease)
    world.restart()
    assert world.blobs() == before


def test_a_filter_by_name_shows_only_the_names_that_match(store, loaded):
    loaded("app:1")
    store.tag("app:1", "other", "2")
    (found,) = store.summaries(filters={"reference": ["other"]})
    assert found["RepoTags"] == ["other:2"]
    (found,) = store.summaries()
    assert found["RepoTags"] == ["app:1", "other:2"]


def test_a_name_by_digest_is_a_name_but_no_tag(store, loaded):
    image_id = loaded("app:1")
    by_digest = f"pulled@{image_id}"
    store.put(store.resolve("app:1").target, [parse_reference(by_digest)])
    view = store.inspect(by_digest)
    assert view["RepoTags"] == ["app:1"]
    assert by_digest in view["RepoDigests"]
    (found,) = store.summaries(filters={"reference": ["pulled"]})
    assert (found["RepoTags"], found["RepoDigests"]) == ([], [by_digest])
    # By that name only the name goes, and it alone keeps an image from being dangling.
    assert store.remove("app:1", in_use=unused) == [{"Untagged": "app:1"}]
    assert store.summaries(filters={"dangling": ["true"]}) == []
    assert store.prune(filters={}, in_use=unused)["ImagesDeleted"] is None
    store.tag(by_digest, "app", "2")
    assert store.remove(by_digest, in_use=unused) == [{"Untagged": by_digest}]
    assert store.inspect("app:2")["RepoTags"] == ["app:2"]
