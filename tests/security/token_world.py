"""A registry with its own issuer, called in process, and attackers' tokens."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import bcrypt
from asgi_call import call_application, living

from baleen.registry.assembly import assemble
from baleen.registry.auth.keys import load_signing_key
from baleen.registry.configuration import Tree
from baleen.registry.settings import load_settings

SERVICE = "registry.test"
REALM = "https://registry.test/token"
POLICY = {
    "rules": [
        {"repositories": ["public/**"], "anonymous": True, "actions": ["pull"]},
        {
            "repositories": ["{user}/**"],
            "authenticated": True,
            "actions": ["pull", "push", "delete"],
        },
        {"repositories": ["shared/**"], "users": ["bob"], "actions": ["pull"]},
    ]
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def write_people(path, **people):
    """Write an htpasswd file; bcrypt at its cheapest."""
    path.write_text(
        "".join(
            f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n"
            for name, word in people.items()
        )
    )


class World:
    """What an attacker can reach.

    Attributes:
        key: with which the issuer signs.
        people: the htpasswd file.
    """

    def __init__(self, application, directory):
        self.application = application
        self.people = directory / "people"
        self.policy = directory / "policy.yml"
        self.key = load_signing_key(directory / "data/token-key.pem")

    async def request(self, method, path, token=None, **options):
        headers = options.pop("headers", {})
        if token is not None:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        return await call_application(self.application, method, path, headers=headers, **options)

    async def ask(self, scope, creds=None, **options):
        """Ask for a token; return the answer. `scope` may be several."""
        headers = {}
        if creds:
            headers["Authorization"] = "Basic " + base64.b64encode(creds.encode()).decode()
        scopes = [scope] if isinstance(scope, str) else scope
        query = urlencode([("service", SERVICE), *(("scope", text) for text in scopes)])
        return await self.request("GET", "/token", query=query, headers=headers, **options)

    async def token(self, scope, creds=None):
        answer = await self.ask(scope, creds)
        assert answer.status == 200, answer.body
        return answer.json()["token"]

    async def post(self, path="/token", **fields):
        body = urlencode({"service": SERVICE, "client_id": "test", **fields}).encode()
        return await self.request("POST", path, headers=FORM, body=body)


@asynccontextmanager
async def world(directory, life="5m", **tree):
    """Open a world below a directory."""
    write_people(directory / "people", ann="secret", bob="geheim")
    (directory / "policy.yml").write_text(json.dumps(POLICY))
    issuer = {
        "realm": REALM,
        "service": SERVICE,
        "htpasswd": str(directory / "people"),
        "policy": str(directory / "policy.yml"),
        "life": life,
    }
    storage = {
        "filesystem": {"rootdirectory": str(directory / "data")},
        "delete": {"enabled": "true"},
    }
    every = {
        "auth": {"issuer": issuer},
        "storage": storage,
        "log": {"accesslog": {"disabled": "true"}},
        **tree,
    }
    application, _ = assemble(load_settings(Tree(every)))
    async with living(application):
        yield World(application, directory)


def claims_of(token):
    """Read a token's claims, as anybody can."""
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def access_of(token):
    """Return what a token holds, as scopes with sorted actions."""
    return sorted(
        f"{entry['type']}:{entry['name']}:{','.join(sorted(entry['actions']))}"
        for entry in claims_of(token)["access"]
    )
