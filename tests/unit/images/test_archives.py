"""What the store's archive operations refuse before they begin."""

import pytest

from baleen.errors import InvalidArgument, NotFound
from baleen.images import CommitRequest
from baleen.oci.image import ExecutionConfig
from baleen.oci.platform import Platform

OTHER = Platform(os="linux", architecture="s390x")


def test_a_platform_that_is_not_offered_is_neither_saved_nor_loaded(world, loaded):
    loaded("app:1")
    with pytest.raises(NotFound, match="does not provide"):
        world.store.save(["app:1"], platforms=[OTHER])
    data = list(world.store.save(["app:1"]))
    with pytest.raises(InvalidArgument, match="does not provide"):
        list(world.store.load(data, platforms=[OTHER]))


def test_commit_on_an_image_that_is_gone(world, loaded):
    image_id = loaded("app:1")
    request = CommitRequest(ExecutionConfig())
    with pytest.raises(NotFound, match="any more"):
        world.store.commit(str(image_id), "sha256:" + "0" * 64, [], request)
    with pytest.raises(NotFound, match="No such image"):
        world.store.commit("sha256:" + "0" * 64, "", [], request)
