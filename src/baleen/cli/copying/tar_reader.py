"""Reading a tar stream: ustar, pax and GNU long names.

Strict where leniency helps an attacker: checksums, numbers and sizes must be right, and extended
headers are at most 1 MiB. See: POSIX pax, "ustar Interchange Format" and "pax Extended Header".
"""

from __future__ import annotations

from baleen.errors import DataLoss

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Member", "TarReader"]

BLOCK = 512
_MAX_EXTENDED = 1024 * 1024
_ZERO = bytes(BLOCK)


class Member:
    """One entry: its header and, while it is the current one, its data through the reader.

    Attributes:
        name: path in the archive, as bytes; not resolved, not checked.
        kind: b"0" file, b"1" hard link, b"2" symbolic link, b"3" b"4" devices, b"5" folder,
            b"6" FIFO.
        link: target of a link.
        size: bytes of data that follow.
        mtime_ns: modification time.
    """

    __slots__ = ("gid", "kind", "link", "mode", "mtime_ns", "name", "size", "uid")

    def __init__(self, name: bytes, kind: bytes, link: bytes, size: int, mode: int) -> None:
        self.name = name
        self.kind = kind
        self.link = link
        self.size = size
        self.mode = mode
        self.uid = 0
        self.gid = 0
        self.mtime_ns = 0


class TarReader:
    """Members of a byte stream, in order; data not read is skipped."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = memoryview(b"")
        self._left = 0
        self._padding = 0

    def _take(self, size: int) -> memoryview:
        """Between 1 and `size` bytes; empty at the end of the stream."""
        while not self._buffer:
            piece = next(self._pieces, None)
            if piece is None:
                return memoryview(b"")
            self._buffer = memoryview(piece)
        part = self._buffer[:size]
        self._buffer = self._buffer[len(part) :]
        return part

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._take(size)
            if not part:
                raise DataLoss("the archive ended in the middle")
            parts.append(part.tobytes())
            size -= len(part)
        return b"".join(parts)

    def data(self) -> Iterator[memoryview]:
        """The current member's data, in pieces."""
        while self._left:
            part = self._take(self._left)
            if not part:
                raise DataLoss("the archive ended in the middle")
            self._left -= len(part)
            yield part

    def _skip(self) -> None:
        for _ in self.data():
            pass
        if self._padding:
            self._exactly(self._padding)
            self._padding = 0

    def drain(self) -> None:
        """Read what follows the archive's end, so that the connection stays usable."""
        while self._take(1 << 20):
            pass

    def __iter__(self) -> Iterator[Member]:
        pax: dict[str, bytes] = {}
        names: dict[bytes, bytes] = {}
        while True:
            self._skip()
            first = self._take(1)
            if not first:
                return
            block = first.tobytes() + self._exactly(BLOCK - 1)
            if block == _ZERO:
                return
            member = _parse_header(block)
            if member.kind in {b"x", b"g", b"L", b"K"}:
                value = self._extended(member)
                if member.kind == b"x":
                    pax = _parse_pax(value)
                elif member.kind != b"g":
                    names[member.kind] = value.rstrip(b"\0")
                continue
            _apply(member, pax, names)
            pax, names = {}, {}
            if member.kind not in {b"0", b"7"}:
                # Links and folders have no data, whatever their size says.
                member.size = 0
            self._left = member.size
            self._padding = -member.size % BLOCK
            yield member

    def _extended(self, member: Member) -> bytes:
        if member.size > _MAX_EXTENDED:
            raise DataLoss("an extended header of the archive is too large")
        value = self._exactly(member.size)
        self._exactly(-member.size % BLOCK)
        return value


def _parse_header(block: bytes) -> Member:
    expected = _number(block[148:156])
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if expected != total:
        raise DataLoss("the archive is damaged: wrong checksum of a header")
    name = _text(block[:100])
    kind = block[156:157]
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else b""
    if prefix:
        name = prefix + b"/" + name
    if kind == b"\0":
        kind = b"5" if name.endswith(b"/") else b"0"
    member = Member(
        name, kind, _text(block[157:257]), _number(block[124:136]), _number(block[100:108])
    )
    member.uid = _number(block[108:116])
    member.gid = _number(block[116:124])
    member.mtime_ns = _number(block[136:148], signed=True) * 10**9
    return member


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes, *, signed: bool = False) -> int:
    """An octal or base-256 number."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(1 << (len(field) * 8 - 1))
        if field[0] == 0xFF:
            value -= 1 << (len(field) * 8 - 1)
        if (value < 0 and not signed) or value >= 1 << 63:
            raise DataLoss("the archive is damaged: a number is out of range")
        return value
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise DataLoss("the archive is damaged: a number is not octal")
    return int(digits or b"0", 8)


def _parse_pax(data: bytes) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 8)
        size = data[position:space] if space > 0 else b""
        if not size.isdigit():
            raise DataLoss("the archive is damaged: malformed extended header")
        end = position + int(size)
        record = data[space + 1 : end - 1]
        key, equals, value = record.partition(b"=")
        if end > len(data) or end <= space or data[end - 1 : end] != b"\n" or not equals:
            raise DataLoss("the archive is damaged: malformed extended header")
        records[key.decode("utf-8", "replace")] = value
        position = end
    return records


def _apply(member: Member, pax: dict[str, bytes], names: dict[bytes, bytes]) -> None:
    """Let extended headers override the header's fields."""
    member.name = pax.get("path", names.get(b"L", member.name))
    member.link = pax.get("linkpath", names.get(b"K", member.link))
    for key in ("size", "uid", "gid"):
        if key in pax:
            if not pax[key].isdigit() or len(pax[key]) > 18:
                raise DataLoss(f"the archive is damaged: malformed {key}")
            setattr(member, key, int(pax[key]))
    if "mtime" in pax:
        seconds, _, fraction = pax["mtime"].partition(b".")
        negative = seconds.startswith(b"-")
        digits = seconds.removeprefix(b"-")
        if not (digits + fraction).isdigit() or len(digits) > 12:
            raise DataLoss("the archive is damaged: malformed mtime")
        value = int(digits or b"0") * 10**9 + int(fraction[:9].ljust(9, b"0"))
        member.mtime_ns = -value if negative else value
