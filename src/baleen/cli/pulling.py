"""Pulling an image and showing progress messages of the engine."""

from __future__ import annotations

from baleen.cli.parsing.references import split_reference
from baleen.cli.progress import ProgressDisplay
from baleen.cli.terminal import is_terminal, terminal_width
from baleen.client.client import DAEMON_PREFIX
from baleen.errors import Internal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["pull_image", "show_progress"]


def pull_image(
    session: Session,
    image: str,
    *,
    platform: str = "",
    quiet: bool = False,
    all_tags: bool = False,
    to_stdout: bool = False,
) -> None:
    """Ask the engine to pull `image`; its messages go to standard error.

    Raises:
        BaleenError: the engine's own message.
    """
    from baleen.client.credentials import CredentialStore, registry_of

    name, tag, digest = split_reference(image)
    chosen = None if all_tags else digest or tag or "latest"
    auth = CredentialStore(session.config_directory).get(registry_of(name))
    response = session.client.request(
        "POST",
        "/images/create",
        {"fromImage": name, "tag": chosen, "platform": platform or None},
        headers={"X-Registry-Auth": auth.header()} if auth else None,
    )
    show_progress(session, response.objects(), quiet=quiet, to_stdout=to_stdout)


def show_progress(
    session: Session,
    messages: Iterable[JsonObject],
    *,
    quiet: bool = False,
    to_stdout: bool = True,
) -> None:
    """Draw progress messages: bars on a terminal, else a line for each change of state.

    Raises:
        Internal: the stream carries an error.
    """
    columns = terminal_width if is_terminal(1 if to_stdout else 2) else None
    display = ProgressDisplay(session.out_raw if to_stdout else session.warn_raw, columns)
    for message in messages:
        detail = message.get("errorDetail")
        error = message.get("error") or (isinstance(detail, dict) and detail.get("message"))
        if error:
            raise Internal(DAEMON_PREFIX + str(error) if not to_stdout else str(error))
        if not quiet and not message.get("aux"):
            display.show(message)
