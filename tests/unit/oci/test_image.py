"""Image configs: null is absent, wrong types are errors, chain ids follow the specification."""

import hashlib
import json

import pytest

from baleen.errors import InvalidArgument
from baleen.oci.descriptor import encode_document
from baleen.oci.digest import Digest
from baleen.oci.image import CONFIG_LIMIT, chain_ids, parse_image_config

A, B, C = (Digest("sha256:" + letter * 64) for letter in "abc")
CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": [A, B]},
    "config": {
        "Env": ["A=b"],
        "ExposedPorts": {"80/tcp": {}},
        "Healthcheck": {"Test": ["CMD", "x"], "StartPeriod": 5},
        "OnBuild": None,
        "Unknown": 7,
    },
    "history": [{"created_by": "x", "empty_layer": True}],
}


def parse(**changes):
    return parse_image_config(json.dumps({**CONFIG, **changes}).encode())


def test_fields_have_the_names_of_the_specification():
    config = parse(**{"os.version": "10"})
    assert config.diff_ids == (A, B)
    assert config.os_version == "10"
    assert config.execution.exposed_ports == {"80/tcp": {}}
    assert config.execution.healthcheck.start_period == 5
    assert config.history[0].empty_layer is True
    assert str(config.platform) == "linux/amd64"
    assert parse_image_config(encode_document(config)) == config


def test_null_is_absent():
    config = parse(
        config=None, history=None, created=None, rootfs={"type": "layers", "diff_ids": None}
    )
    assert config.diff_ids == ()
    assert config.execution.cmd is None
    assert parse(config={"Volumes": {"/x": None}}).execution.volumes == {"/x": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"rootfs": None},
        {"rootfs": {"type": "base+layers"}},
        {"rootfs": {"type": "layers", "diff_ids": ["x"]}},
        {"rootfs": {"type": "layers", "diff_ids": [None]}},
        {"config": []},
        {"config": {"Env": "A=b"}},
        {"config": {"Env": [1]}},
        {"config": {"Labels": {"a": 1}}},
        {"history": {}},
        {"history": [None]},
        {"architecture": None},
        {"config": {"Healthcheck": {"Retries": 10**30}}},
    ],
)
def test_wrong_types_are_refused(changes):
    with pytest.raises(InvalidArgument, match="image config"):
        parse(**changes)


def test_a_huge_config_is_refused():
    with pytest.raises(InvalidArgument, match="larger than"):
        parse_image_config(b" " * (CONFIG_LIMIT + 1))


def test_chain_ids():
    def joined(chain, diff):
        return Digest("sha256:" + hashlib.sha256(f"{chain} {diff}".encode()).hexdigest())

    assert chain_ids(()) == ()
    assert chain_ids((A,)) == (A,)
    assert chain_ids((A, B, C)) == (A, joined(A, B), joined(joined(A, B), C))
