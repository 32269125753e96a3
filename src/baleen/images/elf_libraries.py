"""Which shared libraries a program or extension module needs, read from its ELF file.

Nothing is run and no loader is asked. The search is the loader's: DT_RUNPATH or DT_RPATH with
$ORIGIN, the directories of ld.so.conf, the usual ones. A library of another processor is no match.

See: elf(5); ld.so(8), "Dynamic string tokens"; System V ABI, "Dynamic Section".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Elf", "Library", "libraries_of", "loader_directories", "read_elf", "stripped"]

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29
_USUAL = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
_INCLUDES = 16


@dataclass(frozen=True, slots=True)
class Elf:
    """What a file asks of the loader.

    Attributes:
        machine: e_machine.
        interpreter: path of the loader that a program names, else empty.
        needed: names of libraries.
        paths: directories of DT_RUNPATH, or else DT_RPATH; $ORIGIN not yet replaced.
    """

    machine: int
    interpreter: str
    needed: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """A library as it was found: `place` is the directory searched, `path` the file."""

    name: str
    path: Path

    @property
    def place(self) -> Path:
        """The directory in which the loader finds it."""
        return self.path.parent


def read_elf(data: bytes) -> Elf:
    """Read a 64 bit little-endian ELF file.

    Raises:
        InvalidArgument: it is none, or truncated.
    """
    if data[:6] != b"\x7fELF\x02\x01":
        raise InvalidArgument("not a 64 bit little-endian ELF file")
    try:
        return _read(data)
    except (struct.error, ValueError) as err:
        raise InvalidArgument("malformed ELF file") from err


def _read(data: bytes) -> Elf:
    (machine,) = struct.unpack_from("<H", data, 18)
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = []
    for number in range(count):
        kind, _, start, address, _, length = struct.unpack_from(
            "<IIQQQQ", data, offset + number * size
        )
        segments.append((kind, start, address, length))
    interpreter = ""
    tags: list[tuple[int, int]] = []
    for kind, start, _, length in segments:
        if kind == _PT_INTERP:
            interpreter = data[start : start + length].rstrip(b"\0").decode()
        elif kind == _PT_DYNAMIC:
            tags = [struct.unpack_from("<qQ", data, at) for at in range(start, start + length, 16)]
    ends = next((place for place, (tag, _) in enumerate(tags) if tag == 0), len(tags))
    values = tags[:ends]
    strings = next((value for tag, value in values if tag == _DT_STRTAB), None)
    if strings is None:
        return Elf(machine, interpreter, (), ())
    loaded = [
        strings - address + start
        for kind, start, address, length in segments
        if kind == _PT_LOAD and address <= strings < address + length
    ]
    if not loaded:
        raise InvalidArgument("ELF file whose strings are not in it")
    base = loaded[0]

    def texts(wanted: int) -> list[str]:
        found = []
        for tag, value in values:
            if tag == wanted:
                start = base + value
                found.append(data[start : data.index(b"\0", start)].decode())
        return found

    paths = texts(_DT_RUNPATH) or texts(_DT_RPATH)
    directories = tuple(part for path in paths for part in path.split(":") if part)
    return Elf(machine, interpreter, tuple(texts(_DT_NEEDED)), directories)


def stripped(data: bytes) -> bytes:
    """Return the file without what no loader reads: debugging information, names, sections.

    That is all behind the last segment, and the table of sections.

    Raises:
        InvalidArgument: no ELF file of 64 bit, little-endian.
    """
    read_elf(data)
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    end = offset + size * count
    for number in range(count):
        start, _, _, length = struct.unpack_from("<QQQQ", data, offset + number * size + 8)
        end = max(end, start + length)
    short = bytearray(data[:end])
    struct.pack_into("<Q", short, 40, 0)  # e_shoff
    struct.pack_into("<HHH", short, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx
    return bytes(short)


def libraries_of(
    programs: Iterable[Path], directories: Iterable[Path] | None = None
) -> dict[str, Library]:
    """Return all libraries that `programs` need, directly or not, by name.

    The loader is among them where a library names it.

    Raises:
        FailedPrecondition: one is nowhere to be found.
    """
    places = list(loader_directories() if directories is None else directories)
    found: dict[str, Library] = {}
    waiting = sorted(programs)
    while waiting:
        path = waiting.pop()
        elf = read_elf(path.read_bytes())
        origin = str(path.resolve().parent)
        own = [
            Path(each.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)) for each in elf.paths
        ]
        for name in elf.needed:
            if name in found:
                continue
            library = _find(name, [*own, *places], elf.machine)
            if library is None:
                raise FailedPrecondition(f"{path} needs the library {name}, which is not here")
            found[name] = Library(name, library)
            waiting.append(library)
    return found


def _find(name: str, places: Iterable[Path], machine: int) -> Path | None:
    for place in places:
        path = place / name
        try:
            with path.open("rb") as file:
                head = file.read(20)
        except OSError:
            continue
        if head[:6] == b"\x7fELF\x02\x01" and head[18:20] == machine.to_bytes(2, "little"):
            return path
    return None


def loader_directories(configuration: Path = Path("/etc/ld.so.conf")) -> list[Path]:
    """Return the directories that the loader looks through, in order, each once."""
    named = [*_configured(configuration, _INCLUDES), *map(Path, _USUAL)]
    return list(dict.fromkeys(named))


def _configured(file: Path, depth: int) -> Iterator[Path]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        words = line.partition("#")[0].split()
        if words[:1] == ["include"] and depth:
            for pattern in words[1:]:
                base = Path("/") if pattern.startswith("/") else file.parent
                for included in sorted(base.glob(pattern.lstrip("/"))):
                    yield from _configured(included, depth - 1)
        elif words and words[0].startswith("/"):
            yield Path(words[0])
