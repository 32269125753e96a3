"""Programs that keep passwords: `docker-credential-NAME` with `get`, `store` or `erase`.

What the program reads comes on its standard input: the server for `get` and `erase`, an object
{"ServerURL", "Username", "Secret"} for `store`. It answers on standard output, with errors too.
A user called `<token>` means that the secret is an identity token.

See: docker login reference, "Credential helper protocol"; docker-credential-helpers.
"""

from __future__ import annotations

import re

from baleen.errors import Internal, InvalidArgument, NotFound

__all__ = ["HelperCredentials", "erase", "fetch", "store"]

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NOT_FOUND = "credentials not found in native keychain"
_TOKEN_USER = "<token>"  # noqa: S105  # a marker of the protocol, no password
_MAX_ANSWER = 1 << 20


class HelperCredentials:
    """What a helper gave: a user with a password, or an identity token."""

    __slots__ = ("identity_token", "password", "username")

    def __init__(self, username: str, secret: str) -> None:
        is_token = username == _TOKEN_USER
        self.username = "" if is_token else username
        self.password = "" if is_token else secret
        self.identity_token = secret if is_token else ""


def fetch(helper: str, server: str) -> HelperCredentials | None:
    """The credentials for a server, None when the helper has none.

    Raises:
        Internal: the helper failed; its own words.
        NotFound: there is no such program.
    """
    import json

    try:
        answer = _run(helper, "get", server)
    except Internal as err:
        if _NOT_FOUND in err.message:
            return None
        raise
    try:
        document = json.loads(answer)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, RecursionError, KeyError, TypeError) as err:
        raise Internal(f"error getting credentials - {_program(helper)} gave no JSON") from err
    if not isinstance(username, str) or not isinstance(secret, str):
        raise Internal(f"error getting credentials - {_program(helper)} gave no text")
    return HelperCredentials(username, secret)


def store(helper: str, server: str, username: str, password: str, identity_token: str) -> None:
    """Have the helper keep a password or an identity token. Raises Internal, NotFound."""
    import json

    payload = {
        "ServerURL": server,
        "Username": _TOKEN_USER if identity_token else username,
        "Secret": identity_token or password,
    }
    _run(helper, "store", json.dumps(payload))


def erase(helper: str, server: str) -> None:
    """Have the helper forget a server; success means that it has nothing for it.

    Raises:
        Internal: the helper failed; its own words.
        NotFound: there is no such program.
    """
    try:
        _run(helper, "erase", server)
    except Internal as err:
        if _NOT_FOUND not in err.message:
            raise


def _program(helper: str) -> str:
    if not _NAME.fullmatch(helper):
        raise InvalidArgument(f'invalid credential helper "{helper[:64]}"')
    return f"docker-credential-{helper}"


def _run(helper: str, action: str, payload: str) -> str:
    import subprocess  # 10 ms of start that only those pay who have a helper

    program = _program(helper)
    try:
        done = subprocess.run(  # found in PATH by design, a checked name
            [program, action],
            input=payload.encode("utf-8", "surrogateescape"),
            stdout=subprocess.PIPE,  # standard error stays the user's: helpers ask there
            check=False,
        )
    except FileNotFoundError as err:
        raise NotFound(
            f'error getting credentials - err: exec: "{program}": executable file not found '
            "in $PATH, out: ``"
        ) from err
    except OSError as err:
        raise Internal(f"cannot run {program}: {err.strerror}") from err
    answer = done.stdout[:_MAX_ANSWER].decode("utf-8", "replace").strip()
    if done.returncode:
        verb = {"get": "getting", "store": "storing", "erase": "erasing"}[action]
        raise Internal(
            f"error {verb} credentials - err: exit status {done.returncode}, out: `{answer}`"
        )
    return answer
