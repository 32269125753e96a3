"""`baleen login`: prove to a registry who one is, and keep the credentials for pull and push.

See: docker login reference; docker/cli `cli/command/registry/login.go`.
"""

from __future__ import annotations

import sys

from baleen.cli.command import Command
from baleen.cli.flags import Flag
from baleen.cli.terminal import is_terminal
from baleen.client.config_file import config_path
from baleen.client.credentials import INDEX_SERVER, AuthConfig, CredentialStore, hostname
from baleen.errors import BaleenError, Internal, InvalidArgument, Unauthorized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["COMMAND"]

_UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
"""


def _check(flags: Flags) -> None:
    if flags.changed("username") and not flags.text("username"):
        raise InvalidArgument("username is empty")
    if flags.on("password-stdin") and flags.text("password") not in {"", "-"}:
        raise InvalidArgument(
            "conflicting options: cannot specify both --password and --password-stdin"
        )


def _given(session: Session, flags: Flags) -> tuple[str, str]:
    """Name and password of the command line and of standard input; either may be empty."""
    user, password = flags.text("username"), flags.text("password")
    if flags.on("password-stdin") or password == "-":  # noqa: S105  # means standard input
        if not user:
            raise InvalidArgument("the --password-stdin option requires --username to be set")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        if not password:
            raise InvalidArgument("password is empty")
    elif password:
        session.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    return user, password


def _asked(user: str, password: str, known_user: str) -> tuple[str, str]:
    """Ask for what is missing; `known_user` is offered."""
    if not is_terminal(0):
        raise InvalidArgument("Error: Cannot perform an interactive login from a non TTY device")
    import getpass

    if not user:
        offer = f" ({known_user})" if known_user else ""
        user = input(f"Username{offer}: ").strip() or known_user
    if not user:
        raise InvalidArgument("username is empty")
    if not password:
        password = getpass.getpass("Password: ")
    if not password:
        raise InvalidArgument("password is empty")
    return user, password


def _post(session: Session, auth: AuthConfig) -> JsonObject:
    answer = session.client.post("/auth", auth.document())
    return answer if isinstance(answer, dict) else {}


def _with_known(session: Session, known: AuthConfig) -> JsonObject | None:
    """Try the credentials that are kept; None when they do not do."""
    user = f" [Username: {known.username}]" if known.username else ""
    session.warn(f"Authenticating with existing credentials...{user}")
    session.warn(
        "\ni Info → To login with a different account, run 'baleen logout' followed by "
        "'baleen login'\n"
    )
    try:
        return _post(session, known)
    except Unauthorized:
        session.warn("Stored credentials invalid or expired")
    except BaleenError as err:
        session.warn(f"Login did not succeed, error: {err}")
    return None


def _run(session: Session, flags: Flags, arguments: list[str]) -> int:
    _check(flags)
    user, password = _given(session, flags)
    server = arguments[0] if arguments else ""
    server = INDEX_SERVER if server in {"", "docker.io"} else server
    # Credentials are kept under the host alone; the engine gets the same.
    server = server if server == INDEX_SERVER else hostname(server)
    store = CredentialStore(session.config_directory)
    auth, answer = AuthConfig(server), None
    if not user and not password:
        auth = store.get(server)
        if auth.identity_token or (auth.username and auth.password):
            answer = _with_known(session, auth)
    if answer is None:
        if not (user and password):
            user, password = _asked(user, password, auth.username)
        auth = AuthConfig(server, username=user, password=password)
        answer = _post(session, auth)
    token = answer.get("IdentityToken")
    if isinstance(token, str) and token:
        auth.password, auth.identity_token = "", token
    try:
        in_the_open = store.store(auth)
    except (BaleenError, OSError) as err:
        raise Internal(f"Error saving credentials: {err}") from err
    if in_the_open:
        session.warn(_UNENCRYPTED.format(path=config_path(session.config_directory)))
    session.out(str(answer.get("Status") or "Login Succeeded"))
    return 0


COMMAND = Command(
    _run,
    "[OPTIONS] [SERVER]",
    flags=(
        Flag(
            "password", "p", "string", "Password or Personal Access Token, or - to read from stdin"
        ),
        Flag("password-stdin", "", "bool", "Take the password from stdin"),
        Flag("username", "u", "string", "Username"),
    ),
    maximum=1,
)
