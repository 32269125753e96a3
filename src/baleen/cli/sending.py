"""One image from one engine to another: only the blobs that the other has not, through here.

Nothing is stored on the way. See: docs/images.md, "From one host to another".
"""

from __future__ import annotations

import time

from baleen.cli.own_endpoints import ask_engine
from baleen.client.client import segment
from baleen.errors import BaleenError, Conflict, DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from baleen.client.client import EngineClient
    from baleen.client.models import JsonObject

    Show = Callable[[JsonObject], object]

__all__ = ["Sent", "send_image", "send_whole"]

# The receiver may lose a blob to its garbage collection between the question and the end.
_ROUNDS = 3
_EVERY_S = 0.1


class Sent:
    """What came of it: the image's id and names, blobs and bytes that were sent, blobs kept."""

    __slots__ = ("blobs", "bytes", "id", "kept", "names")

    def __init__(self, offer: JsonObject) -> None:
        self.id = str(offer["Target"]["digest"])
        self.names: list[str] = offer["Names"]
        self.blobs = self.bytes = 0
        self.kept = len(offer["Blobs"])


def send_image(
    source: EngineClient, destination: EngineClient, image: str, platform: str | None, show: Show
) -> Sent:
    """Send what the other engine lacks of an image; it gets its names there when all is there.

    Raises:
        NotImplemented: one of the two engines is not Baleen's, or an older one.
        BaleenError: an engine's own message, or a connection broke; the other side shows nothing.
    """
    name = segment(image, slashes=True)
    offer = ask_engine(source, "GET", f"/images/{name}/blobs", {"platform": platform})
    sent = Sent(offer)
    transfer = _Transfer(source, destination, name, show)
    sizes = {str(blob["Digest"]): int(blob["Size"]) for blob in offer["Blobs"]}
    done: set[str] = set()
    for number in range(_ROUNDS):
        answer = ask_engine(destination, "POST", "/images/receive", body=offer)
        missing = {str(b["Digest"]): int(b["Received"]) for b in answer["Missing"]}
        if not number:
            for digest in sizes.keys() - missing.keys():
                _show(show, digest, "Already exists")
        if not missing:
            sent.kept = len(sizes.keys() - done)
            return sent
        for digest, received in missing.items():
            if digest not in sizes:
                raise DataLoss(f"the other engine asks for {digest}, which the image has not")
            sent.bytes += transfer.blob(digest, sizes[digest], received)
            sent.blobs += 1
            done.add(digest)
    raise Conflict("the other engine loses what it is sent: its images are being removed")


class _Transfer:
    """Sends blobs of one image."""

    __slots__ = ("_destination", "_name", "_show", "_source")

    def __init__(
        self, source: EngineClient, destination: EngineClient, name: str, show: Show
    ) -> None:
        self._source = source
        self._destination = destination
        self._name = name
        self._show = show

    def blob(self, digest: str, size: int, offset: int) -> int:
        """Send one from `offset` on, or from its beginning if those bytes were spoilt."""
        try:
            self._put(digest, size, offset)
        except BaleenError as err:
            if not offset or "status" not in err.details:
                raise
            offset = 0
            self._put(digest, size, offset)
        _show(self._show, digest, "Sent")
        return size - offset

    def _put(self, digest: str, size: int, offset: int) -> None:
        blob = self._source.request(
            "GET", f"/baleen/v1/images/{self._name}/blob", {"digest": digest, "offset": offset}
        )

        def pieces() -> Iterator[bytes]:
            current, shown = offset, 0.0
            for piece in blob:
                yield piece
                current += len(piece)
                now = time.monotonic()
                if now - shown >= _EVERY_S:
                    shown = now
                    _show(self._show, digest, "Sending", current, size)

        _show(self._show, digest, "Sending")
        try:
            self._destination.request(
                "PUT",
                "/baleen/v1/images/blob",
                {"digest": digest, "size": size, "offset": offset},
                upload=pieces(),
                headers={"Content-Type": "application/octet-stream"},
            ).read(1024)
        finally:
            blob.close()


def _show(show: Show, digest: str, status: str, current: int = 0, total: int = 0) -> None:
    detail = {"current": current, "total": total} if total else {}
    show({"id": digest.partition(":")[2][:12], "status": status, "progressDetail": detail})


def send_whole(
    source: EngineClient, destination: EngineClient, image: str, platform: str | None
) -> Iterator[JsonObject]:
    """Send an image as `save | load` does, to or from an engine of another make.

    Yields the messages of the engine that loads it.
    """
    archive = source.request("GET", "/images/get", {"names": [image], "platform": platform})
    try:
        loading = destination.request("POST", "/images/load", {"quiet": True}, upload=iter(archive))
        yield from loading.objects()
    finally:
        archive.close()
