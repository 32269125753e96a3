"""Credentials of registries: where they are kept, and which go with a request.

    config.json  {"auths": {SERVER: {"auth": base64(user:password), "identitytoken": ...}},
                  "credsStore": NAME, "credHelpers": {HOST: NAME}}

A server is a host name, with a port where it has one; Docker Hub is `https://index.docker.io/v1/`.
DOCKER_AUTH_CONFIG goes before all, then a helper for the host, then the store, then the file.

See: docker login reference; docker/cli `cli/config/credentials`.
"""

from __future__ import annotations

import os

from baleen.client.contexts import read_config
from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.client.models import JsonObject

__all__ = [
    "INDEX_SERVER",
    "NO_CREDENTIALS",
    "AuthConfig",
    "CredentialStore",
    "hostname",
    "registry_of",
]

INDEX_SERVER = "https://index.docker.io/v1/"
_INDEX_NAMES = frozenset({"docker.io", "index.docker.io"})
# `{}` in base64.
NO_CREDENTIALS = "e30="


class AuthConfig:
    """What proves to a registry who asks: password, or identity token, or bearer token."""

    __slots__ = ("identity_token", "password", "registry_token", "server", "username")

    def __init__(
        self,
        server: str,
        *,
        username: str = "",
        password: str = "",
        identity_token: str = "",
        registry_token: str = "",
    ) -> None:
        self.server = server
        self.username = username
        self.password = password
        self.identity_token = identity_token
        self.registry_token = registry_token

    def __bool__(self) -> bool:
        """Whether there is anything to prove it with."""
        return bool(self.username or self.identity_token or self.registry_token)

    def document(self) -> JsonObject:
        """The API's AuthConfig, without what is empty."""
        fields = {
            "username": self.username,
            "password": self.password,
            "serveraddress": self.server,
            "identitytoken": self.identity_token,
            "registrytoken": self.registry_token,
        }
        return {name: value for name, value in fields.items() if value}

    def header(self) -> str:
        """The value of `X-Registry-Auth`: base64url of the document, padded."""
        if not self:
            return NO_CREDENTIALS
        import base64
        import json

        text = json.dumps(self.document(), ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode("utf-8", "surrogateescape")).decode()


def hostname(server: str) -> str:
    """A server's host and port, without scheme and path."""
    return server.removeprefix("https://").removeprefix("http://").partition("/")[0]


def registry_of(image: str) -> str:
    """The server that an image's name means, as credentials are kept under it."""
    host, slash, _ = image.partition("/")
    named = slash and ("." in host or ":" in host or host == "localhost")
    if not named or host in _INDEX_NAMES:
        return INDEX_SERVER
    return host


class CredentialStore:
    """The credentials of one configuration directory; reads it at each call."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def get(self, server: str) -> AuthConfig:
        """The credentials for a server; empty when there are none.

        Raises:
            InvalidArgument: config.json is malformed.
            Internal, NotFound: a helper failed, or does not exist.
        """
        given = _entry_of(_environment(), server)
        if given is not None:
            return _auth(given, server)
        config = read_config(self._directory)
        helper = _helper(config, server)
        if not helper:
            auths = config.get("auths")
            entry = _entry_of(auths if isinstance(auths, dict) else {}, server)
            return AuthConfig(server) if entry is None else _auth(entry, server)
        from baleen.client import credential_helpers

        found = credential_helpers.fetch(helper, server)
        if found is None:
            return AuthConfig(server)
        return AuthConfig(
            server,
            username=found.username,
            password=found.password,
            identity_token=found.identity_token,
        )

    def store(self, auth: AuthConfig) -> bool:
        """Keep credentials; says whether they lie in the file, for anybody to read who can.

        With a helper, the file has an empty entry that says where one is logged in to.
        """
        config = read_config(self._directory)
        helper = _helper(config, auth.server)
        entry: JsonObject = {}
        if helper:
            from baleen.client import credential_helpers

            credential_helpers.store(
                helper, auth.server, auth.username, auth.password, auth.identity_token
            )
        else:
            entry = _entry(auth)
        says_nothing = not config.get("credsStore") and not config.get("credHelpers")
        self._change(add={auth.server: entry}, store=helper if says_nothing else "")
        return not helper

    def erase(self, servers: Iterable[str]) -> list[str]:
        """Forget servers; the errors of helpers, when all of them failed."""
        failed, names = [], list(servers)
        for server in names:
            helper = _helper(read_config(self._directory), server)
            if helper:
                from baleen.client import credential_helpers
                from baleen.errors import BaleenError

                try:
                    credential_helpers.erase(helper, server)
                except BaleenError as err:
                    failed.append(f"{server}: {err}")
            self._change(remove=(server,))
        return failed if len(failed) == len(names) else []

    def _change(
        self,
        *,
        add: dict[str, JsonObject] | None = None,
        remove: Iterable[str] = (),
        store: str = "",
    ) -> None:
        from baleen.client.config_file import update_config

        def change(config: JsonObject) -> None:
            if store:
                config["credsStore"] = store
            present = config.get("auths")
            auths = dict(present) if isinstance(present, dict) else {}
            auths.update(add or {})
            for server in remove:
                auths.pop(server, None)
            if auths or "auths" in config:
                config["auths"] = auths

        update_config(self._directory, change)


def _helper(config: JsonObject, server: str) -> str:
    """The helper's name for a server; empty for the file."""
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        for name in (server, hostname(server)):
            if isinstance(helpers.get(name), str):
                return str(helpers[name])
    store = config.get("credsStore")
    if isinstance(store, str) and store:
        return store
    return "" if helpers or config.get("auths") else _default_store()


def _default_store() -> str:
    """The store that this system has, for a configuration that says nothing yet.

    As Docker chooses it on Linux: `pass` where people have that program, else `secretservice`.
    """
    import shutil

    name = "pass" if shutil.which("pass") else "secretservice"
    return name if shutil.which(f"docker-credential-{name}") else ""


def _auth(entry: JsonObject, server: str) -> AuthConfig:
    username, password = _decoded(entry, server)
    return AuthConfig(
        server,
        username=username,
        password=password,
        identity_token=_text(entry, "identitytoken"),
        registry_token=_text(entry, "registrytoken"),
    )


def _environment() -> JsonObject:
    """The `auths` of DOCKER_AUTH_CONFIG, which CI systems set."""
    text = os.environ.get("DOCKER_AUTH_CONFIG", "")
    if not text:
        return {}
    import json

    try:
        document = json.loads(text)
        auths = document.get("auths")
    except (ValueError, RecursionError, AttributeError) as err:
        raise InvalidArgument("DOCKER_AUTH_CONFIG is no JSON object") from err
    return auths if isinstance(auths, dict) else {}


def _entry_of(auths: JsonObject, server: str) -> JsonObject | None:
    found = auths.get(server)
    if not isinstance(found, dict):
        # Old files name the same server with a scheme and a path.
        wanted = hostname(server)
        found = next(
            (
                value
                for key, value in auths.items()
                if hostname(key) == wanted and isinstance(value, dict)
            ),
            None,
        )
    return found


def _entry(auth: AuthConfig) -> JsonObject:
    entry: JsonObject = {}
    if auth.username or auth.password:
        import base64

        pair = f"{auth.username}:{auth.password}".encode("utf-8", "surrogateescape")
        entry["auth"] = base64.b64encode(pair).decode()
    if auth.identity_token:
        entry["identitytoken"] = auth.identity_token
    if auth.registry_token:
        entry["registrytoken"] = auth.registry_token
    return entry


def _decoded(entry: JsonObject, server: str) -> tuple[str, str]:
    text = _text(entry, "auth")
    if not text:
        return _text(entry, "username"), _text(entry, "password")
    import base64

    try:
        pair = base64.b64decode(text, validate=True).decode("utf-8", "surrogateescape")
    except ValueError as err:
        raise InvalidArgument(f"invalid auth configuration file: entry of {server}") from err
    username, colon, password = pair.partition(":")
    if not colon:
        raise InvalidArgument(f"invalid auth configuration file: entry of {server}")
    return username, password.strip("\0")


def _text(entry: JsonObject, key: str) -> str:
    value = entry.get(key, "")
    return value if isinstance(value, str) else ""
