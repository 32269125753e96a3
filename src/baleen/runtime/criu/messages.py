"""criu's messages as protocol buffers: requests that we send, answers and notices that it sends.

Only what is used is here. A field is known by its number, and one that the other side does not know
is skipped, so older and newer versions of criu get along.

See: criu's rpc.proto; protobuf.dev, Encoding.
"""

from __future__ import annotations

from baleen.linux.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

__all__ = ["Answer", "decode_answer", "encode_options", "encode_request"]

DUMP: Final = 1
RESTORE: Final = 2
NOTIFY: Final = 6
SINGLE_PRE_DUMP: Final = 13

_PAGE_SERVER: Final = {"address": 1, "port": 2}
_INHERITED: Final = {"key": 1, "fd": 2}
_OPTIONS: Final = {
    "images_dir_fd": 1,
    "pid": 2,
    "leave_running": 3,
    "ext_unix_sk": 4,
    "tcp_established": 5,
    "shell_job": 7,
    "file_locks": 8,
    "log_level": 9,
    "log_file": 10,
    "ps": 11,
    "notify_scripts": 12,
    "root": 13,
    "parent_img": 14,
    "track_mem": 15,
    "auto_dedup": 16,
    "work_dir_fd": 17,
    "link_remap": 18,
    "manage_cgroups": 24,
    "rst_sibling": 26,
    "inherit_fd": 27,
    "ext_sharing": 29,
    "ext_masters": 30,
    "manage_cgroups_mode": 34,
    "external": 37,
    "empty_ns": 38,
    "tcp_skip_in_flight": 46,
    "status_fd": 49,
    "orphan_pts_master": 50,
    "lsm_profile": 53,
    "lsm_mount_context": 63,
    "network_lock": 64,
}
_NESTED: Final = {"ps": _PAGE_SERVER, "inherit_fd": _INHERITED}

_VARINT: Final = 0
_EIGHT_BYTES: Final = 1
_BYTES: Final = 2
_FOUR_BYTES: Final = 5
_MOST_BITS: Final = 64


@record(frozen=True, slots=True)
class Answer:
    """What criu says: how a request went, or (`type` NOTIFY) which stage it has come to.

    Attributes:
        stage: "setup-namespaces", "post-restore", "orphan-pts-master"...
        pid: of the process that a notice is about, or that was restored; 0 for none.
        message: the first error of the log, perhaps a harmless one.
    """

    type: int
    success: bool
    stage: str = ""
    pid: int = 0
    errno: int = 0
    message: str = ""


def _varint(number: int) -> bytes:
    number &= (1 << _MOST_BITS) - 1  # negative ones are 64 bits wide
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _field(number: int, value: object, nested: Mapping[str, int] | None) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, dict):
        assert nested is not None
        data = _message(nested, value, {})
    else:
        data = value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _message(
    numbers: Mapping[str, int],
    values: Mapping[str, object],
    nested: Mapping[str, Mapping[str, int]],
) -> bytes:
    parts = []
    for name, value in values.items():
        entries = value if isinstance(value, list) else [value]
        parts += [_field(numbers[name], entry, nested.get(name)) for entry in entries]
    return b"".join(parts)


def encode_options(values: Mapping[str, object]) -> bytes:
    """A criu_opts message. Values are numbers, texts, or lists of these or of nested messages."""
    return _message(_OPTIONS, values, _NESTED)


def encode_request(
    kind: int, options: bytes | None = None, *, notify_success: bool | None = None
) -> bytes:
    """A criu_req message; `notify_success` says whether a notice was taken well."""
    data = _field(1, kind, None)
    if options is not None:
        data += _field(2, options, None)
    if notify_success is not None:
        data += _field(3, int(notify_success), None)
    return data


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while shift < _MOST_BITS:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
    raise ValueError("a number of more than 64 bits")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field. Raises ValueError."""
    position = 0
    try:
        while position < len(data):
            key, position = _read_varint(data, position)
            kind = key & 7
            if kind == _VARINT:
                number, position = _read_varint(data, position)
                yield key >> 3, number
                continue
            if kind == _BYTES:
                length, position = _read_varint(data, position)
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                length = 8 if kind == _EIGHT_BYTES else 4
            else:
                raise ValueError(f"a field of unknown type {kind}")
            end = position + length
            if end > len(data):
                raise ValueError("a field longer than the message")
            if kind == _BYTES:
                yield key >> 3, data[position:end]
            position = end
    except IndexError as error:
        raise ValueError("the message ends in the middle of a number") from error


def _nested(value: object) -> dict[int, int | bytes]:
    return dict(_fields(value)) if isinstance(value, bytes) else {}


def _int32(value: object) -> int:
    number = value & 0xFFFFFFFF if isinstance(value, int) else 0
    return number - (1 << 32) if number >= 1 << 31 else number


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def decode_answer(data: bytes) -> Answer:
    """The criu_resp message in `data`. Raises ValueError."""
    fields = dict(_fields(data))
    notice, restored = _nested(fields.get(5)), _nested(fields.get(4))
    return Answer(
        type=_int32(fields.get(1)),
        success=bool(fields.get(2)),
        stage=_text(notice.get(1)),
        pid=_int32(notice.get(2)) or _int32(restored.get(1)),
        errno=_int32(fields.get(7)),
        message=_text(fields.get(9)),
    )
