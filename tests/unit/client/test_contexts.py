from __future__ import annotations

import hashlib
import json

import pytest

from baleen import errors
from baleen.client.contexts import context_endpoint, current_context, read_config


def make_context(folder, name, endpoints, *, tls=()):
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": endpoints}))
    for file in tls:
        path = folder / "contexts" / "tls" / key / "docker" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("pem")


def test_a_context_names_an_endpoint(tmp_path):
    make_context(tmp_path, "lab", {"docker": {"Host": "unix:///run/lab.sock"}})
    assert str(context_endpoint(str(tmp_path), "lab")) == "unix:///run/lab.sock"


def test_a_context_carries_its_tls_files(tmp_path):
    make_context(
        tmp_path,
        "far",
        {"docker": {"Host": "tcp://far:2376", "SkipTLSVerify": False}},
        tls=("ca.pem", "cert.pem", "key.pem"),
    )
    tls = context_endpoint(str(tmp_path), "far").tls
    assert tls is not None
    assert tls.verify
    assert [p.rpartition("/")[2] for p in (tls.ca, tls.cert, tls.key)] == [
        "ca.pem",
        "cert.pem",
        "key.pem",
    ]


def test_an_unknown_context_is_not_found(tmp_path):
    with pytest.raises(errors.NotFound, match='context "nope"'):
        context_endpoint(str(tmp_path), "nope")


@pytest.mark.parametrize("endpoints", [{}, {"docker": {}}, {"docker": {"Host": 5}}, []])
def test_a_context_without_a_host_is_refused(tmp_path, endpoints):
    make_context(tmp_path, "bad", endpoints)
    with pytest.raises(errors.InvalidArgument):
        context_endpoint(str(tmp_path), "bad")


def test_the_current_context_is_in_the_configuration(tmp_path):
    assert current_context(str(tmp_path)) == ""
    (tmp_path / "config.json").write_text('{"currentContext": "lab"}')
    assert current_context(str(tmp_path)) == "lab"


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_a_broken_configuration_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(errors.InvalidArgument, match=r"config\.json"):
        read_config(str(tmp_path))
