"""An assembler for classic BPF, the language of seccomp filters.

Jumps name labels; they only go forward. A conditional jump reaches 255 instructions: where a label
is further away, the assembler inserts an unconditional jump (which reaches anywhere) on its way.

See: the kernel's Documentation/networking/filter.rst and userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "AND",
    "JEQ",
    "JGE",
    "JGT",
    "LOAD",
    "MAX_INSTRUCTIONS",
    "Assembler",
    "FilterTooLong",
]

# Operations of include/uapi/linux/bpf_common.h, combined as the kernel's interpreter knows them.
LOAD: Final = 0x20  # A = 32-bit word of the data at k
AND: Final = 0x54  # A &= k
JEQ: Final = 0x15
JGT: Final = 0x25
JGE: Final = 0x35
_JA: Final = 0x05
_RETURN: Final = 0x06

MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS
_FORMAT = struct.Struct("=HBBI")
_REACH = 255


class FilterTooLong(ValueError):
    """The program has more instructions than the kernel takes."""


class _Jump:
    """A conditional jump; `far_*` say which target needs an unconditional jump on the way."""

    __slots__ = ("far_no", "far_yes", "no", "operation", "value", "yes")

    def __init__(self, operation: int, value: int, yes: str | None, no: str | None) -> None:
        self.operation = operation
        self.value = value
        self.yes = yes
        self.no = no
        self.far_yes = False
        self.far_no = False


class Assembler:
    """Collects instructions in order and encodes them."""

    def __init__(self) -> None:
        # An instruction is (code, value), a _Jump, or the name of a label for what follows.
        self._items: list[tuple[int, int] | _Jump | str] = []
        self._names = 0

    def new_label(self) -> str:
        """A label name that nobody else has."""
        self._names += 1
        return f".{self._names}"

    def label(self, name: str) -> None:
        """Names the next instruction."""
        self._items.append(name)

    def load(self, offset: int) -> None:
        """Loads the 32-bit word at `offset` of the data into the accumulator."""
        self._items.append((LOAD, offset))

    def bit_and(self, mask: int) -> None:
        """Keeps the bits of `mask` in the accumulator."""
        self._items.append((AND, mask))

    def jump_if(
        self, operation: int, value: int, yes: str | None = None, no: str | None = None
    ) -> None:
        """Compares the accumulator (JEQ, JGT, JGE); None goes on with the next instruction."""
        self._items.append(_Jump(operation, value, yes, no))

    def ret(self, value: int) -> None:
        """Ends the program with `value`."""
        self._items.append((_RETURN, value))

    def encode(self) -> bytes:
        """The program as an array of struct sock_filter.

        Raises FilterTooLong, KeyError for an unknown label, AssertionError for a backward jump.
        """
        positions = self._positions()
        while self._widen(positions):
            positions = self._positions()
        parts: list[bytes] = []
        for item in self._items:
            if isinstance(item, tuple):
                parts.append(_FORMAT.pack(item[0], 0, 0, item[1]))
            elif isinstance(item, _Jump):
                self._encode_jump(item, parts, positions)
        if len(parts) > MAX_INSTRUCTIONS:
            raise FilterTooLong(
                f"the filter needs {len(parts)} instructions, the kernel takes {MAX_INSTRUCTIONS}"
            )
        return b"".join(parts)

    def _positions(self) -> dict[str, int]:
        position = 0
        result: dict[str, int] = {}
        for item in self._items:
            if isinstance(item, str):
                result[item] = position
            elif isinstance(item, _Jump):
                position += 1 + item.far_yes + item.far_no
            else:
                position += 1
        return result

    def _widen(self, positions: dict[str, int]) -> bool:
        """Marks jumps that do not reach; true if any was new. Marks never go, so it ends."""
        changed = False
        position = 0
        for item in self._items:
            if isinstance(item, str):
                continue
            position += 1
            if not isinstance(item, _Jump):
                continue
            for target, far in ((item.yes, "far_yes"), (item.no, "far_no")):
                if target is None or getattr(item, far):
                    continue
                if positions[target] - position > _REACH:
                    setattr(item, far, True)
                    changed = True
            position += item.far_yes + item.far_no
        return changed

    @staticmethod
    def _encode_jump(jump: _Jump, parts: list[bytes], positions: dict[str, int]) -> None:
        after = len(parts) + 1
        trampolines = [
            positions[target]
            for target, far in ((jump.yes, jump.far_yes), (jump.no, jump.far_no))
            if far and target is not None
        ]
        offsets = []
        used = 0
        for target, far in ((jump.yes, jump.far_yes), (jump.no, jump.far_no)):
            if far:
                offsets.append(used)
                used += 1
            elif target is None:
                offsets.append(len(trampolines))
            else:
                offsets.append(positions[target] - after)
        assert all(0 <= offset <= _REACH for offset in offsets)
        parts.append(_FORMAT.pack(jump.operation, offsets[0], offsets[1], jump.value))
        for target_position in trampolines:
            distance = target_position - len(parts) - 1
            assert distance >= 0
            parts.append(_FORMAT.pack(_JA, 0, 0, distance))
