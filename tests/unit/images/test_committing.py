"""A commit is its base with one more layer."""

from baleen.images import CommitRequest
from baleen.oci.image import ExecutionConfig


def test_one_more_layer_and_step(world, build, loaded):
    loaded("base:1")
    base = world.store.resolve("base:1")
    request = CommitRequest(ExecutionConfig(cmd=["x"]), command="sh", author="me", comment="why")
    data = build.layer({"g": b"1"})
    image_id = world.store.commit(
        str(base.id), str(base.chain_id), [data], request, repo="made", tag="1"
    )
    made = world.store.resolve("made:1")
    assert made.id == image_id
    assert made.config.diff_ids == (*base.config.diff_ids, build.digest(data))
    step = made.config.history[-1]
    assert (step.created_by, step.author, step.comment) == ("sh", "me", "why")
    assert (world.snapshotter.layer(made.chain_id).path / "g").read_bytes() == b"1"
