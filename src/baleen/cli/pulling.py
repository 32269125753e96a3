"""Pulling an image and showing progress messages of the engine."""

from __future__ import annotations

from baleen.cli.parsing.references import split_reference
from baleen.cli.terminal import is_terminal, neutralise
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
        BaleenError: the engine's own message, 501 included.
    """
    name, tag, digest = split_reference(image)
    chosen = None if all_tags else digest or tag or "latest"
    response = session.client.request(
        "POST",
        "/images/create",
        {"fromImage": name, "tag": chosen, "platform": platform or None},
    )
    show_progress(session, response.objects(), quiet=quiet, to_stdout=to_stdout)


def show_progress(
    session: Session,
    messages: Iterable[JsonObject],
    *,
    quiet: bool = False,
    to_stdout: bool = True,
) -> None:
    """Print progress messages line by line; bars are left out.

    Raises:
        Internal: the stream carries an error.
    """
    terminal = is_terminal(1 if to_stdout else 2)
    write = session.out if to_stdout else session.warn
    for message in messages:
        error = message.get("error")
        if error:
            raise Internal(DAEMON_PREFIX + str(error) if not to_stdout else str(error))
        text = message.get("stream")
        if text is None and message.get("status") is not None and not message.get("progressDetail"):
            prefix = f"{message['id']}: " if message.get("id") else ""
            text = prefix + str(message["status"])
        if text and not quiet:
            line = str(text).removesuffix("\n")
            write(neutralise(line, lines=True) if terminal else line)
