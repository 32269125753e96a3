"""Scripts: a list of system calls as a program of its own, with no library and no interpreter.

What enters a container, or becomes its first process, makes some fifty system calls between its
birth and the execve(2) of the program that was asked for. A script is those calls, written down by
a process that stays outside, and executed by a static program of one page that knows how to do
nothing else:

    first page     ELF header, 160 bytes of code that make one call after the other   (r-x)
    data           strings, structures, buffers                                       (rw-)
    steps          80 bytes each: number, six arguments, flags, where to, result      (rw-)

So nothing of us can be found in the container by somebody who looks into the process: no heap, no
descriptor, no loaded library, no environment, and /proc/self/exe is a sealed file in memory that
holds what the container may know (CVE-2016-9962, CVE-2019-5736). And no memory is copied: the
program is started by posix_spawn(3), which does not fork.

A step that fails ends the script, unless it says otherwise: a message of 16 bytes, the address of
the step and the errno, goes to the descriptor that `image` was given, and the exit status is 1.

See: elf(5), execve(2), memfd_create(2); tools/script/ for the code.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from baleen.linux.calls import ARCHITECTURE, NUMBERS, failure
from baleen.linux.fd import Fd
from baleen.linux.script_code import CODE, MACHINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

__all__ = ["ANY", "FAILURE", "VALUE", "Label", "Script", "Step", "sealed"]

# Of a step: which errno is no failure.
ANY: Final = -1
# The argument of a comparison that is the value; see `Script.hand_on`.
VALUE: Final = 3
_WORD: Final = 0xFFFFFFFF
# The message of a failure: address of the step, errno.
FAILURE: Final = struct.Struct("=QQ")

_STORE: Final = 1
_JUMP_IF_POSITIVE: Final = 2
_JUMP_IF_ERROR: Final = 4
_IGNORE: Final = 8
# What is done without the kernel, with the word at an address: shifted right, masked, and then
# compared with a value, or added to one.
_EQUAL: Final = 0x10000
_LOAD: Final = 0x10001
# The first argument of the step that reports a failure.
_REPORT: Final = -1
# No such system call: ENOSYS, hence a failure.
_NO_CALL: Final = 0xFFFF

_STEP: Final = struct.Struct("=10Q")
_RESULT: Final = 72
_ARGUMENTS: Final = 6
# Fixed, so that addresses are known when they are written down; apart by more than any page size.
_TEXT: Final = 0x400000
_DATA: Final = 0x511000
_DATA_OFFSET: Final = 0x1000
_ALIGNMENT: Final = 0x10000
# First step, steps that report, and the failure: what the code knows of the data.
_HEAD: Final = struct.Struct("=QQQQ")
_U64: Final = 0xFFFFFFFFFFFFFFFF

_ELF: Final = struct.Struct("=16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("=IIQQQQQQ")
_MFD_EXEC: Final = 0x10
_SEALS: Final = 0x1 | 0x2 | 0x4 | 0x8  # seal, shrink, grow, write
_F_ADD_SEALS: Final = 1033


class Label:
    """A place among the steps, which may come later."""

    __slots__ = ("index",)

    def __init__(self) -> None:
        self.index = -1


class Step:
    """One step of a script; `index` counts from 0."""

    __slots__ = ("arguments", "flags", "index", "number", "to")

    def __init__(self, index: int, number: int, arguments: list[int | Step], flags: int) -> None:
        self.index = index
        self.number = number
        self.arguments = arguments
        self.flags = flags
        # Where to jump; or (step, argument) that takes the result; or an address for it.
        self.to: Label | tuple[Step, int] | int = 0


class Script:
    """Writes a script; `image` is the program."""

    def __init__(self) -> None:
        self._data = bytearray(_HEAD.size)
        self._steps: list[Step] = []

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self._steps)

    # -- data -----------------------------------------------------------------------------------

    def data(self, content: bytes) -> int:
        """Put bytes into the program, 8 bytes aligned; returns their address."""
        address = _DATA + len(self._data)
        self._data += content
        self._data += bytes(-len(self._data) % 8)
        return address

    def text(self, text: str | bytes) -> int:
        """Put a string there, with the NUL that ends it (ValueError: it has one inside)."""
        raw = os.fsencode(text)
        if b"\0" in raw:
            raise ValueError("embedded null byte")
        return self.data(raw + b"\0")

    def vector(self, texts: Iterable[str | bytes]) -> int:
        """Put strings there and an array of pointers to them, ended by a null pointer."""
        pointers = [self.text(text) for text in texts]
        return self.data(struct.pack(f"={len(pointers) + 1}Q", *pointers, 0))

    # -- steps ----------------------------------------------------------------------------------

    def call(
        self, name: str, *arguments: int | Step, ignore: int = 0, otherwise: Label | None = None
    ) -> Step:
        """Make a system call. A step among the arguments is the address of its result, 8 bytes.

        With `ignore`, that errno or `ANY` one is no failure; with `otherwise`, an error goes on
        there.
        """
        flags = 0
        if ignore == ANY:
            flags = _IGNORE
        elif ignore:
            flags = ignore << 16
        if otherwise is not None:
            flags |= _JUMP_IF_ERROR
        step = self._add(NUMBERS[name], arguments, flags)
        if otherwise is not None:
            step.to = otherwise
        return step

    def _add(self, number: int, arguments: Iterable[int | Step], flags: int = 0) -> Step:
        filled: list[int | Step] = [*arguments]
        filled += [0] * (_ARGUMENTS - len(filled))
        step = Step(len(self._steps), number, filled, flags)
        self._steps.append(step)
        return step

    def hand_on(self, step: Step, to: Step, argument: int) -> None:
        """Let the result of `step` be an argument (from 0) of one that comes later."""
        step.flags |= _STORE
        step.to = (to, argument)

    def report_to(self, step: Step) -> None:
        """Write failures to the descriptor that `step` returns, from then on."""
        step.flags |= _STORE
        step.to = _REPORT

    def jump_if_positive(self, step: Step, label: Label) -> None:
        """Go on at `label` if the result of `step` is greater than 0."""
        step.flags |= _JUMP_IF_POSITIVE
        step.to = label

    def jump_if_equal(self, address: int | Step, mask: int, value: int, label: Label) -> Step:
        """Go on at `label` if the 32-bit word at `address`, and-ed with `mask`, is `value`.

        A step is the address of its result. `hand_on` to argument `VALUE` sets the value.
        """
        step = self._add(_EQUAL, (address, 0, mask, value))
        self.jump_if_positive(step, label)
        return step

    def load(self, address: int | Step, shift: int = 0, mask: int = _WORD, plus: int = 0) -> Step:
        """A step that gives the 32-bit word at `address`, shifted right, masked, plus `plus`."""
        return self._add(_LOAD, (address, shift, mask, plus))

    def jump(self, label: Label) -> None:
        """Go on at `label`."""
        self.jump_if_equal(_DATA, 0, 0, label)

    def fail(self) -> Step:
        """End the script here, as a failure (ENOSYS) of this step."""
        return self._add(_NO_CALL, ())

    def place(self, label: Label) -> None:
        """`label` is the next step."""
        label.index = len(self._steps)

    def _address(self, index: int) -> int:
        return _DATA + len(self._data) + index * _STEP.size

    def failed_step(self, address: int) -> int:
        """The index of the step that a message of failure names; -1 if it is none."""
        index, rest = divmod(address - self._address(0), _STEP.size)
        return -1 if rest or not 0 <= index < len(self._steps) else index

    # -- the program ----------------------------------------------------------------------------

    def image(self, report: int) -> bytes:
        """The program, an ELF file. Failures are written to the descriptor `report`."""
        failed = self._address(len(self._steps))
        self._add(NUMBERS["write"], (report, _DATA + 16, FAILURE.size), _IGNORE)
        self._add(NUMBERS["exit_group"], (1,))
        _HEAD.pack_into(self._data, 0, self._address(0), failed, 0, 0)
        writable = bytes(self._data) + b"".join([self._packed(step) for step in self._steps])
        del self._steps[-2:]
        code = CODE[ARCHITECTURE]
        header = self._header(len(writable))
        return (header + code).ljust(_DATA_OFFSET, b"\0") + writable

    def _packed(self, step: Step) -> bytes:
        to = step.to
        if to == _REPORT:
            to = self._address(len(self._steps) - 2) + 8
        elif isinstance(to, Label):
            to = self._address(to.index)
        elif isinstance(to, tuple):
            later, argument = to
            to = self._address(later.index) + 8 * (1 + argument)
        arguments = [
            self._address(argument.index) + _RESULT if isinstance(argument, Step)
            else argument & _U64
            for argument in step.arguments
        ]  # fmt: skip
        return _STEP.pack(step.number, *arguments, step.flags, to, 0)

    @staticmethod
    def _header(writable: int) -> bytes:
        segments = 3
        size = _ELF.size + segments * _SEGMENT.size
        entry = _TEXT + size
        ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
        elf = _ELF.pack(
            ident, 2, MACHINE[ARCHITECTURE], 1, entry, _ELF.size, 0, 0, _ELF.size,
            _SEGMENT.size, segments, 0, 0, 0,
        )  # fmt: skip
        text = size + len(CODE[ARCHITECTURE])
        return (
            elf
            + _SEGMENT.pack(1, 5, 0, _TEXT, _TEXT, text, text, _ALIGNMENT)
            + _SEGMENT.pack(1, 6, _DATA_OFFSET, _DATA, _DATA, writable, writable, _ALIGNMENT)
            + _SEGMENT.pack(0x6474E551, 6, 0, 0, 0, 0, 0, 16)  # PT_GNU_STACK: not executable
        )


def sealed(image: bytes, name: str) -> Fd:
    """A file in memory with that content, which nobody can change any more; close-on-exec.

    Raises OSError (EACCES: this host does not allow programs in memory, vm.memfd_noexec).
    """
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = Fd(os.memfd_create(name, flags | _MFD_EXEC))
    except OSError as err:
        if err.errno != errno.EINVAL:  # before Linux 6.3 there is no such flag
            raise
        fd = Fd(os.memfd_create(name, flags))
    try:
        written = os.write(fd.fileno(), image)
        if written != len(image):
            raise failure("write", name, errno.ENOSPC)
        fcntl.fcntl(fd.fileno(), _F_ADD_SEALS, _SEALS)
    except BaseException:
        fd.close()
        raise
    return fd
