import json

import pytest

from baleen.errors import InvalidArgument
from baleen.runtime.default_spec import default_spec
from baleen.runtime.oci.bundle import decode, read_bundle, read_file, seccomp_program
from baleen.runtime.spec import parse_spec


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(default_spec()))
    return tmp_path


def test_paths_are_made_absolute(directory, monkeypatch):
    monkeypatch.chdir(directory)
    bundle = read_bundle(".")
    assert bundle.directory == str(directory)
    assert bundle.rootfs == str(directory / "rootfs")
    assert bundle.document == (directory / "config.json").read_bytes()
    assert bundle.spec.hostname == "baleen"


def test_a_rootfs_that_is_not_there_is_told(directory):
    (directory / "rootfs").rmdir()
    with pytest.raises(InvalidArgument, match=r"invalid rootfs: .* is not a directory"):
        read_bundle(str(directory))
    document = default_spec() | {"root": {"path": ""}}
    (directory / "config.json").write_text(json.dumps(document))
    with pytest.raises(InvalidArgument, match=r"root\.path must not be empty"):
        read_bundle(str(directory))


def test_files_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(InvalidArgument, match=r"cannot read .*: no such file or directory"):
        read_bundle(str(tmp_path))
    with pytest.raises(InvalidArgument, match="is larger than"):
        read_file("/dev/zero")


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_not_json_is_told(data):
    with pytest.raises(InvalidArgument, match="p is not JSON"):
        decode(data, "p")


def test_a_filter_is_compiled_only_for_a_profile():
    document = default_spec()
    assert seccomp_program(parse_spec(document)) is None
    document["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    program = seccomp_program(parse_spec(document))
    assert program
    assert len(program) % 8 == 0
