"""The plan of a removal: which names go, and whether the image goes with them."""

from baleen.images.image import ImageUser
from baleen.images.names import Name
from baleen.images.removal import plan_removal
from baleen.oci.descriptor import Descriptor
from baleen.oci.digest import Digest
from baleen.oci.reference import parse_reference

DIGEST = Digest("sha256:" + "a" * 64)
TARGET = Descriptor(media_type="x/y", digest=DIGEST, size=1)
ONE, TWO = (Name(f"docker.io/library/{t}", parse_reference(t), TARGET, 0) for t in ("a:1", "a:2"))
USER = ImageUser("c" * 64, running=True)


def plan(names, by_name=None, force=False, users=()):
    removal = plan_removal(DIGEST, names, asked="a:1", by_name=by_name, force=force, users=users)
    return removal.untag, removal.delete


def test_by_name_only_the_name_goes_while_there_are_others():
    assert plan([ONE, TWO], by_name=ONE, users=[USER]) == ((ONE,), False)


def test_the_last_name_takes_the_image_along():
    assert plan([ONE], by_name=ONE) == ((ONE,), True)


def test_by_force_an_image_in_use_loses_its_name_only():
    assert plan([ONE], by_name=ONE, force=True, users=[USER]) == ((ONE,), False)


def test_by_id_all_names_go():
    assert plan([ONE]) == ((ONE,), True)
    assert plan([ONE, TWO], force=True) == ((ONE, TWO), True)
