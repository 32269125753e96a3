"""Outputs of a build that come back: a file, standard output, or a directory."""

from __future__ import annotations

import os
import queue
import threading

from baleen.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.client.models import JsonObject

__all__ = ["Receiver", "check_destinations"]

_WAITING = 8


def check_destinations(outputs: list[JsonObject], *, stdout_is_terminal: bool) -> None:
    """Refuse what could not be written before anything is built.

    Raises:
        InvalidArgument: a tar would go to the terminal, or a folder is in the way.
    """
    for output in outputs:
        kind, destination = output["type"], output["dest"]
        if kind not in ("tar", "oci", "docker") or not destination:
            continue
        if destination == "-" and stdout_is_terminal:
            raise InvalidArgument("dest file is required for this exporter: refusing the terminal")
        if destination != "-" and os.path.isdir(destination):
            raise InvalidArgument(f"destination file {destination} is a directory")


class Receiver:
    """Takes the bytes of outputs, one after the other, in the order they were asked for."""

    def __init__(self, outputs: list[JsonObject]) -> None:
        self._expected = [o for o in outputs if o["type"] in ("local", "tar", "oci", "docker")]
        self._file = -1
        self._path = ""
        self._folder: _Folder | None = None

    def data(self, payload: bytes) -> None:
        """Take a piece; an empty one ends the output."""
        if self._file < 0 and self._folder is None:
            self._open(self._expected.pop(0))
        if self._folder is not None:
            self._folder.put(payload)
            if not payload:
                folder, self._folder = self._folder, None
                folder.join()
        elif payload:
            view = memoryview(payload)
            while view:
                view = view[os.write(self._file, view) :]
        else:
            self._finish_file()

    def close(self) -> None:
        """Give up what is not complete; a file of it is removed."""
        if self._folder is not None:
            self._folder.abort()
        if self._file > 2:
            os.close(self._file)
            os.unlink(self._path)

    def _open(self, output: JsonObject) -> None:
        destination = str(output["dest"])
        if output["type"] == "local":
            os.makedirs(destination, exist_ok=True)
            self._folder = _Folder(destination)
        elif destination == "-":
            self._file = 1
        else:
            # Beside its place, so that a broken build leaves the old file alone.
            self._path = f"{destination}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o666)
            self._target = destination

    def _finish_file(self) -> None:
        if self._file > 2:
            os.close(self._file)
            os.rename(self._path, self._target)
        self._file = -1


class _Folder:
    """Extracts a tar that comes piece by piece, in a thread of its own."""

    def __init__(self, path: str) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._ended = False  # nothing more is put
        self._thread = threading.Thread(target=self._run, args=(path,))
        self._thread.start()

    def _run(self, path: str) -> None:
        from baleen.cli.copying.extract import Extractor

        extractor = Extractor(path, owners=os.geteuid() == 0)
        try:
            extractor.extract(self._iterate())
        except BaseException as err:  # raised where the output is awaited
            self._error = err
            while not self._ended and self._pieces.get():
                pass  # who puts must not wait for nobody
        finally:
            extractor.close()

    def _iterate(self) -> Iterator[bytes]:
        while piece := self._pieces.get():
            yield piece
        self._ended = True
        if piece is None:
            raise InvalidArgument("the build was broken off")

    def put(self, piece: bytes) -> None:
        self._pieces.put(piece)

    def join(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        self._pieces.put(None)
        self._thread.join()
