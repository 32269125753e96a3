"""Creating a container as `run` and `create` do: pull policy, id file, warnings."""

from __future__ import annotations

import os

from baleen.cli.container_config import create_body
from baleen.cli.parsing.references import familiar_reference, split_reference
from baleen.cli.pulling import pull_image
from baleen.client.client import segment
from baleen.errors import AlreadyExists, Internal, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.cli.flags import Flags
    from baleen.cli.session import Session
    from baleen.client.models import JsonObject

__all__ = ["create_container"]


def create_container(
    session: Session, flags: Flags, arguments: list[str], *, detach: bool
) -> tuple[str, JsonObject]:
    """Create the container; its id and the body that was sent.

    Raises:
        BaleenError: bad flags, or the engine's refusal.
    """
    image, command = arguments[0], arguments[1:]
    body = create_body(flags, image, command, detach=detach)
    split_reference(image)
    id_file = flags.text("cidfile")
    if id_file and os.path.exists(id_file):  # pathlib is slow to load
        raise AlreadyExists(
            "container ID file found, make sure the other container isn't running or delete "
            f"{id_file}"
        )
    later = _split_networks(session, body)
    if flags.text("pull") == "always":
        pull_image(session, image, platform=flags.text("platform"), quiet=flags.on("quiet"))
    try:
        answer = _post(session, flags, body)
    except NotFound as err:
        if flags.text("pull") != "missing" or "No such image" not in err.message:
            raise
        if not flags.on("quiet"):
            session.warn(f"Unable to find image '{familiar_reference(image)}' locally")
        pull_image(session, image, platform=flags.text("platform"), quiet=flags.on("quiet"))
        answer = _post(session, flags, body)
    identifier = answer.get("Id")
    if not isinstance(identifier, str) or not identifier:
        raise Internal("the engine created a container without an id")
    for warning in answer.get("Warnings") or ():
        session.warn(f"WARNING: {warning}")
    if id_file:
        with open(id_file, "x", encoding="ascii") as file:
            file.write(identifier)
    for name, settings in later.items():
        session.client.post(
            f"/networks/{segment(name)}/connect",
            {"Container": identifier, "EndpointConfig": settings},
        )
    return identifier, body


def _post(session: Session, flags: Flags, body: JsonObject) -> JsonObject:
    answer = session.client.post(
        "/containers/create",
        body,
        name=flags.text("name") or None,
        platform=flags.text("platform") or None,
    )
    return answer if isinstance(answer, dict) else {}


def _split_networks(session: Session, body: JsonObject) -> dict[str, JsonObject]:
    """Endpoints to connect afterwards: engines before API 1.44 take one at creation."""
    endpoints: dict[str, JsonObject] = body.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    if len(endpoints) < 2 or session.client.api_at_least(44):
        return {}
    first = body["HostConfig"]["NetworkMode"]
    return {name: endpoints.pop(name) for name in list(endpoints) if name != first}
