import io
import json
import sys

import pytest

from baleen.errors import InvalidArgument
from baleen.errors import NotImplemented as Unsupported
from baleen.runtime.oci.commands import COMMANDS
from baleen.runtime.oci.options import parse
from baleen.runtime.oci.update import parse_bytes, resources_of


def _resources(*words):
    return resources_of(parse(COMMANDS["update"].options, words, interspersed=True)[0])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("-1", -1),
        ("12", 12),
        ("1k", 1024),
        ("1KB", 1024),
        ("1kib", 1024),
        ("64M", 64 << 20),
        ("1.5g", 3 << 29),
        ("2b", 2),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text, amount):
    assert parse_bytes(text, "--memory") == amount


@pytest.mark.parametrize(
    "text",
    ["", "-2", "m", "1x", "1mm", "1_0", ".5g", "5.", "1e3", "\u0661", "b", "ib", "1.2.3", "9" * 30],
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidArgument, match="a size is needed"):
        parse_bytes(text, "--memory")


def test_options_become_resources_of_the_specification():
    assert _resources(
        *("--memory", "64m", "--memory-swap", "-1", "--cpu-quota", "5000", "--cpu-share", "2"),
        *("--cpuset-cpus", "0", "--pids-limit", "-1", "--blkio-weight", "10"),
    ) == {
        "memory": {"limit": 64 << 20, "swap": -1},
        "cpu": {"quota": 5000, "shares": 2, "cpus": "0"},
        "pids": {"limit": -1},
        "blockIO": {"weight": 10},
    }
    assert _resources() == {}


def test_a_file_counts_alone(tmp_path, monkeypatch):
    document = {"pids": {"limit": 5}}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    assert _resources("-r", str(path), "--memory", "1m") == document
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert _resources("--resources", "-") == document
    path.write_text("[]")
    with pytest.raises(InvalidArgument, match="not an object"):
        _resources("-r", str(path))


@pytest.mark.parametrize("name", ["kernel-memory", "l3-cache-schema", "mem-bw-schema"])
def test_what_is_not_done_is_refused(name):
    with pytest.raises(Unsupported, match=f"--{name} is not supported"):
        _resources(f"--{name}", "1")
