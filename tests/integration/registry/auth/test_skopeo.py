"""skopeo, a foreign client: passwords, tokens, rights, read-only, TLS."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from registry_served import htpasswd, image_layout, pull, push, serve, skopeo, write_key

pytestmark = pytest.mark.integration

POLICY = {
    "rules": [
        {"repositories": ["public/**"], "anonymous": True, "actions": ["pull"]},
        {"repositories": ["**"], "users": ["ann"], "actions": ["pull", "push", "delete"]},
        {"repositories": ["shared/*"], "users": ["bob"], "actions": ["pull"]},
        {"catalog": True, "users": ["ann"]},
    ]
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("access")
    (directory / "policy.yml").write_text(json.dumps(POLICY))
    htpasswd(directory / "htpasswd", ann="secret", bob="geheim")
    return directory


@pytest.fixture(scope="module")
def layout(place):
    return image_layout(place / "image")


@pytest.fixture(scope="module")
def by_password(place):
    auth = {
        "htpasswd": {"path": str(place / "htpasswd"), "realm": "test"},
        "policy": str(place / "policy.yml"),
    }
    with serve(place / "password", auth=auth) as served:
        yield served


@pytest.fixture(scope="module")
def by_token(place):
    # The realm has to be known before the port is; a token server beside has one to give.
    write_key(place, ec.generate_private_key(ec.SECP256R1()))
    issuer = {
        "service": "registry.test",
        "htpasswd": str(place / "htpasswd"),
        "policy": str(place / "policy.yml"),
        "key": str(place / "issuer.key"),
    }
    with serve(
        place / "issuer", "issuer", auth={"issuer": {**issuer, "realm": "http://x"}}
    ) as tokens:
        issuer["realm"] = f"{tokens.url}/token"
        with serve(place / "token", auth={"issuer": issuer}) as served:
            yield served


@pytest.fixture(params=["by_password", "by_token"])
def registry(request):
    return request.getfixturevalue(request.param)


def test_a_login_takes_the_right_password_alone(registry, tmp_path):
    login = ["login", "--tls-verify=false", "--authfile", str(tmp_path / "auth.json")]
    code, said = skopeo(*login, "-u", "ann", "-p", "secret", registry.address)
    assert (code, "Login Succeeded" in said) == (0, True), said
    for user, password in (("ann", "wrong"), ("nobody", "secret")):
        code, said = skopeo(*login, "-u", user, "-p", password, registry.address)
        assert code != 0
        assert "invalid username/password" in said


def test_who_may_pushes_and_pulls(registry, layout, tmp_path):
    code, said = push(layout, registry.address, "shared/a:1", "ann:secret")
    assert code == 0, said
    for creds in ("ann:secret", "bob:geheim"):
        code, said = pull(registry.address, "shared/a:1", tmp_path / creds[:3], creds)
        assert code == 0, said
    code, said = skopeo(
        "list-tags",
        "--tls-verify=false",
        "--creds",
        "bob:geheim",
        f"docker://{registry.address}/shared/a",
    )
    assert json.loads(said)["Tags"] == ["1"]


def test_who_may_not_does_not(registry, layout, tmp_path):
    assert push(layout, registry.address, "mine/a:1", "ann:secret")[0] == 0
    for creds in ("bob:geheim", "ann:wrong", None):
        code, said = pull(registry.address, "mine/a:1", tmp_path / "out", creds)
        assert code != 0
        assert "denied" in said or "nauthorized" in said or "authentication required" in said, said
    code, _ = push(layout, registry.address, "shared/b:1", "bob:geheim")
    assert code != 0
    code, _ = pull(registry.address, "shared/b:1", tmp_path / "none", "ann:secret")
    assert code != 0


def test_everybody_pulls_what_is_public(registry, layout, tmp_path):
    assert push(layout, registry.address, "public/a:1", "ann:secret")[0] == 0
    code, said = pull(registry.address, "public/a:1", tmp_path / "out")
    assert code == 0, said
    assert push(layout, registry.address, "public/a:2")[0] != 0


def test_a_read_only_registry(place, layout, tmp_path):
    with serve(place / "frozen") as served:
        assert push(layout, served.address, "a:1")[0] == 0
    storage = {"maintenance": {"readonly": {"enabled": True}}}
    with serve(place / "frozen", storage=storage) as served:
        assert pull(served.address, "a:1", tmp_path / "out")[0] == 0
        code, said = push(image_layout(tmp_path / "other", b"other"), served.address, "a:2")
        assert code != 0
        assert "read-only" in said or "405" in said


def test_tls(place, layout, tmp_path):
    write_key(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes((tmp_path / "issuer.crt").read_bytes())
    tls = {
        "certificate": str(tmp_path / "issuer.crt"),
        "key": str(tmp_path / "issuer.key"),
        "minimumtls": "tls1.3",
    }
    with serve(place / "tls", http={"addr": "127.0.0.1:0", "tls": tls}) as served:
        code, said = push(layout, served.address, "a:1", secure=True)
        assert code != 0
        assert "x509" in said
        done = skopeo(
            "copy", "--dest-cert-dir", str(trusted), layout, f"docker://{served.address}/a:1"
        )
        assert done[0] == 0, done[1]
