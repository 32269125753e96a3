from __future__ import annotations

import json

import pytest

from baleen import errors
from baleen.client import selection
from baleen.client.selection import HostFlags, select_endpoint


def flags(**values):
    result = HostFlags()
    for name, value in values.items():
        setattr(result, name, value)
    return result


@pytest.fixture
def environ(tmp_path):
    return {"DOCKER_CONFIG": str(tmp_path)}


def make_context(folder, name, host):
    import hashlib

    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": host}}}))


def test_the_order_is_flag_context_environment_configuration(tmp_path, environ):
    make_context(tmp_path, "a", "unix:///a")
    make_context(tmp_path, "b", "unix:///b")
    (tmp_path / "config.json").write_text('{"currentContext": "b"}')
    full = {**environ, "DOCKER_HOST": "unix:///d", "BALEEN_HOST": "unix:///bal"}
    assert str(select_endpoint(flags(host="unix:///h"), full)) == "unix:///h"
    assert str(select_endpoint(flags(context="a"), full)) == "unix:///a"
    assert str(select_endpoint(flags(), full)) == "unix:///bal"
    del full["BALEEN_HOST"]
    assert str(select_endpoint(flags(), full)) == "unix:///d"
    del full["DOCKER_HOST"]
    assert str(select_endpoint(flags(), {**full, "DOCKER_CONTEXT": "a"})) == "unix:///a"
    assert str(select_endpoint(flags(), full)) == "unix:///b"


def test_both_flags_are_a_contradiction(environ):
    with pytest.raises(errors.InvalidArgument, match="both --host and --context"):
        select_endpoint(flags(host="unix:///h", context="a"), environ)


def test_the_default_is_the_first_socket_that_exists(tmp_path, environ, monkeypatch):
    first, second = tmp_path / "baleen.sock", tmp_path / "docker.sock"
    monkeypatch.setattr(selection, "_DEFAULT_SOCKETS", (str(first), str(second)))
    assert select_endpoint(flags(), environ).path == str(first)
    second.touch()
    assert select_endpoint(flags(), environ).path == str(second)
    first.touch()
    assert select_endpoint(flags(context="default"), environ).path == str(first)


def test_tls_comes_from_flags_or_environment(tmp_path, environ):
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    host = {**environ, "DOCKER_HOST": "tcp://h:1"}
    assert select_endpoint(flags(), host).tls is None
    for given, env in (
        (flags(tlsverify=True), {}),
        (flags(), {"DOCKER_TLS_VERIFY": "1"}),
    ):
        tls = select_endpoint(given, {**host, **env}).tls
        assert tls is not None
        assert tls.verify
        assert tls.ca == str(tmp_path / "ca.pem")
    unverified = select_endpoint(flags(tls=True), host).tls
    assert unverified is not None
    assert not unverified.verify


def test_verifying_without_an_authority_is_refused(environ):
    host = {**environ, "DOCKER_HOST": "tcp://h:1", "DOCKER_TLS_VERIFY": "1"}
    with pytest.raises(errors.InvalidArgument, match=r"ca\.pem does not exist"):
        select_endpoint(flags(), host)


def test_a_users_own_engine_comes_first_where_there_is_one(tmp_path, environ, monkeypatch):
    system = tmp_path / "system.sock"
    system.touch()
    monkeypatch.setattr("baleen.client.selection._DEFAULT_SOCKETS", (str(system),))
    environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    assert select_endpoint(flags(), environ).path == str(system)
    (tmp_path / "baleen.sock").touch()
    assert select_endpoint(flags(), environ).path == f"{tmp_path}/baleen.sock"
