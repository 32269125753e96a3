"""The build context: which one is meant, and its bytes as a tar stream.

Files are read through descriptors that follow no link; owners are root's, as Docker's client sends
them. What `.dockerignore` leaves out is not sent.

See: `docker build`, "Build context"; docker/cli, `cli/command/image/build/context.go`.
"""

from __future__ import annotations

import os
import re
import stat

from baleen.cli.copying.tar_writer import file_content, tar_header
from baleen.errors import DataLoss, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from baleen.api.ignore import Ignore, State

__all__ = ["Source", "directory_tar", "find_context", "is_archive", "is_url", "read_pieces"]

_PIECE = 1 << 20
_DOCKERFILE_LIMIT = 4 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_URL = re.compile(r"(https?|git|ssh)://|git@|github\.com/")
_ARCHIVES = (b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_KINDS = {stat.S_IFLNK: b"2", stat.S_IFCHR: b"3", stat.S_IFBLK: b"4", stat.S_IFIFO: b"6"}


class Source:
    """What is built from.

    Attributes:
        remote: a URL that the engine fetches, or "".
        directory: a local folder, or "".
        pieces: an archive from standard input, or None.
        dockerfile: the Dockerfile's path in the context.
        text: the Dockerfile itself where it does not lie in the context, or None.
    """

    def __init__(self) -> None:
        self.remote = ""
        self.directory = ""
        self.pieces: Iterator[bytes] | None = None
        self.dockerfile = ""
        self.text: str | None = None


def is_url(text: str) -> bool:
    """Whether the engine has to fetch it."""
    return _URL.match(text) is not None


def is_archive(head: bytes) -> bool:
    """Whether a stream that begins so is a tar, perhaps compressed."""
    return head.startswith(_ARCHIVES) or head[257:262] == b"ustar"


def read_pieces(descriptor: int) -> Iterator[bytes]:
    """The bytes of a descriptor until its end."""
    while data := os.read(descriptor, _PIECE):
        yield data


def find_context(argument: str, file: str, *, stdin: int = 0) -> Source:
    """What the argument and `--file` mean together.

    Raises:
        InvalidArgument: neither a folder, nor a URL, nor `-`; or both want standard input.
    """
    source = Source()
    if argument == "-":
        if file == "-":
            raise InvalidArgument(
                "invalid argument: can't use stdin for both build context and dockerfile"
            )
        _from_stdin(source, file, stdin)
    elif is_url(argument):
        source.remote, source.dockerfile = argument, file
        if file == "-":
            source.dockerfile, source.text = "", _text(read_pieces(stdin))
    elif os.path.isdir(argument):
        source.directory = argument
        _place_dockerfile(source, file, stdin)
    else:
        raise InvalidArgument(
            f'unable to prepare context: path "{argument}" not found'
            if not os.path.lexists(argument)
            else f"unable to prepare context: context must be a directory: {argument}"
        )
    return source


def _from_stdin(source: Source, file: str, stdin: int) -> None:
    pieces = read_pieces(stdin)
    head = b""
    while len(head) < 512 and (piece := next(pieces, b"")):
        head += piece
    if is_archive(head):
        source.pieces, source.dockerfile = _joined(head, pieces), file
    else:
        source.text = _text(_joined(head, pieces))


def _joined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from rest


def _text(pieces: Iterator[bytes]) -> str:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > _DOCKERFILE_LIMIT:
            raise InvalidArgument("the Dockerfile is larger than 4 MiB")
    return b"".join(parts).decode("utf-8", "replace")


def _place_dockerfile(source: Source, file: str, stdin: int) -> None:
    """Say where the Dockerfile is, in the context or beside it."""
    if file == "-":
        source.text = _text(read_pieces(stdin))
        return
    path = file or os.path.join(source.directory, "Dockerfile")
    if not file and not os.path.lexists(path):
        lower = os.path.join(source.directory, "dockerfile")
        path = lower if os.path.lexists(lower) else path
    root = os.path.realpath(source.directory)
    # Its last component is not followed: a link that leads out of the context is the engine's to
    # judge, as is a missing file.
    parent = os.path.realpath(os.path.dirname(os.path.abspath(path)))
    place = os.path.join(parent, os.path.basename(path))
    relative = os.path.relpath(place, root)
    if relative.split("/")[0] != "..":
        source.dockerfile = relative
        if not os.path.exists(path):
            raise InvalidArgument(
                f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: "
                f"lstat {place}: no such file or directory"
            )
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        source.text = _text(read_pieces(descriptor))
    finally:
        os.close(descriptor)
    source.dockerfile = os.path.basename(path)


def ignore_file(directory: str, dockerfile: str) -> bytes:
    """The text of `<Dockerfile>.dockerignore`, or of `.dockerignore`; empty without both."""
    for name in (f"{dockerfile}.dockerignore" if dockerfile else "", ".dockerignore"):
        if not name:
            continue
        try:
            with open(os.path.join(directory, name), "rb") as file:
                return file.read(2 << 20)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return b""


def directory_tar(directory: str, dockerfile: str) -> Iterator[bytes]:
    """The tar of a folder, in large pieces; the Dockerfile and the ignore files always come along.

    Raises:
        InvalidArgument: a file cannot be read, or the ignore file is malformed.
        DataLoss: a file changed while it was read.
    """
    text = ignore_file(directory, dockerfile)
    ignore: Ignore | None = None
    if text:
        from baleen.api.ignore import Ignore, parse_ignore

        ignore = Ignore(parse_ignore(text)) or None
    always = {dockerfile, f"{dockerfile}.dockerignore", ".dockerignore"}
    try:
        root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as err:
        raise InvalidArgument(f"error checking context: {err.strerror}: {directory}") from err
    try:
        yield from _gathered(_Walk(ignore, always).folder(root, "", ()))
    finally:
        os.close(root)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = 0
    for piece in pieces:
        pending.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(pending)
            pending, size = [], 0
    pending.append(bytes(1024))
    yield b"".join(pending)


class _Walk:
    def __init__(self, ignore: Ignore | None, always: set[str]) -> None:
        self._ignore = ignore
        self._always = always
        self._above = {path.rpartition("/")[0] for path in always}
        self._links: dict[tuple[int, int], bytes] = {}

    def folder(self, descriptor: int, path: str, state: State) -> Iterator[bytes]:
        for name in sorted(os.listdir(descriptor)):
            child = f"{path}/{name}" if path else name
            below: State = ()
            sent = True
            if self._ignore is not None:
                left_out, below = self._ignore.step(child, state)
                sent = not left_out or child in self._always
            try:
                yield from self._entry(descriptor, name, child, below, sent=sent)
            except FileNotFoundError:
                continue  # gone while we walked
            except PermissionError as err:
                raise InvalidArgument(
                    f"error checking context: no permission to read from '{child}'"
                ) from err

    def _entry(
        self, parent: int, name: str, path: str, state: State, *, sent: bool
    ) -> Iterator[bytes]:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            walked = sent or self._holds_exception(path)
            if not walked:
                return
            descriptor = os.open(name, _FOLDER, dir_fd=parent)
            try:
                if sent:
                    yield _header(info, path + "/", b"5")
                yield from self.folder(descriptor, path, state)
            finally:
                os.close(descriptor)
        elif not sent:
            return
        elif stat.S_ISREG(info.st_mode):
            yield from self._file(parent, name, path)
        else:
            kind = _KINDS.get(stat.S_IFMT(info.st_mode))
            if kind is not None:  # sockets cannot be in an archive
                link = os.readlink(os.fsencode(name), dir_fd=parent) if kind == b"2" else b""
                yield _header(info, path, kind, link=link)

    def _holds_exception(self, path: str) -> bool:
        if any(above == path or above.startswith(path + "/") for above in self._above):
            return True
        return self._ignore is not None and self._ignore.may_hold_exception(path)

    def _file(self, parent: int, name: str, path: str) -> Iterator[bytes]:
        descriptor = os.open(name, _FILE, dir_fd=parent)
        try:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise DataLoss(f"{path} changed while it was read")
            if info.st_nlink > 1:
                key = (info.st_dev, info.st_ino)
                if key in self._links:
                    yield _header(info, path, b"1", link=self._links[key])
                    return
                self._links[key] = os.fsencode(path)
            yield _header(info, path, b"0")
            yield from file_content(descriptor, info.st_size, os.fsencode(path))
        finally:
            os.close(descriptor)


def _header(info: os.stat_result, path: str, kind: bytes, *, link: bytes = b"") -> bytes:
    device = (0, 0)
    if kind in (b"3", b"4"):
        device = (os.major(info.st_rdev), os.minor(info.st_rdev))
    return tar_header(
        os.fsencode(path),
        kind=kind,
        mode=stat.S_IMODE(info.st_mode),
        size=info.st_size if kind == b"0" else 0,
        # Whole seconds: a pax header for each file would double what is sent of small ones.
        mtime_ns=int(info.st_mtime) * 10**9,
        link=link,
        device=device,
    )
