"""Our issuer alone, and Debian's docker-registry 2.8 that trusts it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from registry_served import (
    docker_registry,
    htpasswd,
    image_layout,
    pull,
    push,
    serve,
    skopeo,
    write_key,
)

from baleen.errors import InvalidArgument
from baleen.registry.auth.token_server import make_token_server
from baleen.registry.configuration import Tree
from baleen.registry.settings import load_settings

pytestmark = pytest.mark.integration

POLICY = {
    "rules": [
        {"repositories": ["{user}/**"], "authenticated": True, "actions": ["pull", "push"]},
        {"repositories": ["public/*"], "anonymous": True, "actions": ["pull"]},
        {"repositories": ["public/*"], "users": ["ann"], "actions": ["push", "delete"]},
    ]
}


@pytest.fixture(scope="module", params=["EC", "RSA"])
def issuer(request, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("issuer")
    if request.param == "EC":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(65537, 2048)
    write_key(tmp_path, key)
    (tmp_path / "policy.yml").write_text(json.dumps(POLICY))
    section = {
        "realm": "http://127.0.0.1/token",
        "service": "foreign",
        "services": ["second"],
        "issuer": "baleen",
        "key": str(tmp_path / "issuer.key"),
        "htpasswd": htpasswd(tmp_path / "htpasswd", ann="secret", bob="geheim"),
        "policy": str(tmp_path / "policy.yml"),
    }
    with serve(tmp_path / "issuer", "issuer", auth={"issuer": section}) as served:
        served.bundle = tmp_path / "issuer.crt"
        yield served


def token_section(issuer, service="foreign"):
    return {
        "token": {
            "realm": f"{issuer.url}/token",
            "service": service,
            "issuer": "baleen",
            "rootcertbundle": str(issuer.bundle),
        }
    }


@pytest.mark.parametrize("server", [docker_registry, serve])
def test_a_registry_elsewhere_takes_our_tokens(issuer, tmp_path, server):
    layout = image_layout(tmp_path / "image")
    with server(tmp_path / "registry", auth=token_section(issuer)) as registry:
        code, said = push(layout, registry.address, "ann/a:1", "ann:secret")
        assert code == 0, said
        assert pull(registry.address, "ann/a:1", tmp_path / "own", "ann:secret")[0] == 0
        assert push(layout, registry.address, "public/a:1", "ann:secret")[0] == 0
        assert pull(registry.address, "public/a:1", tmp_path / "public")[0] == 0
        for creds in ("bob:geheim", None, "ann:wrong"):
            assert pull(registry.address, "ann/a:1", tmp_path / "x", creds)[0] != 0
        assert push(layout, registry.address, "ann/b:1", "bob:geheim")[0] != 0


def test_keys_are_given_to_registries_as_a_jwks(issuer, tmp_path):
    with urllib.request.urlopen(f"{issuer.url}/token/keys", timeout=10) as answer:
        (tmp_path / "keys.json").write_bytes(answer.read())
    auth = token_section(issuer, "second")
    del auth["token"]["rootcertbundle"]
    auth["token"]["jwks"] = str(tmp_path / "keys.json")
    layout = image_layout(tmp_path / "image")
    with serve(tmp_path / "registry", auth=auth) as registry:
        code, said = push(layout, registry.address, "bob/a:1", "bob:geheim")
        assert code == 0, said
        code, said = skopeo(
            "inspect",
            "--tls-verify=false",
            "--creds",
            "bob:geheim",
            f"docker://{registry.address}/bob/a:1",
        )
        assert code == 0, said


def test_it_serves_nothing_else(issuer):
    for path in ("/", "/v2/", "/v2/_catalog"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(issuer.url + path, timeout=10)
        assert caught.value.code == 404
        caught.value.close()


def test_without_its_section_it_does_not_start():
    with pytest.raises(InvalidArgument, match=r"auth\.issuer\.realm"):
        make_token_server(load_settings(Tree({})))
