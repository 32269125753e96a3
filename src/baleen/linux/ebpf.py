"""eBPF for device control groups: a tiny assembler and the calls to load and attach.

Only what cgroup v2 device filtering needs: 64-bit register moves and bit operations, 32-bit loads
from the context, compares with constants, exit. Labels are resolved when the program is encoded.

See: bpf(2); the kernel's Documentation/bpf/standardization/instruction-set.rst; `struct
bpf_cgroup_dev_ctx` in include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from contextlib import suppress

from baleen.linux.calls import ARCHITECTURE, failure, function

__all__ = ["DEVICE_BLOCK", "DEVICE_CHAR", "Program", "attach_device_program", "load_device_program"]

# BPF_DEVCG_DEV_*; the access bits are BPF_DEVCG_ACC_*: mknod 1, read 2, write 4.
DEVICE_BLOCK, DEVICE_CHAR = 1, 2

_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH = 5, 8, 9
_PROG_GET_FD_BY_ID, _PROG_QUERY = 13, 16
_TYPE_CGROUP_DEVICE, _ATTACH_CGROUP_DEVICE = 15, 6
_ALLOW_MULTI = 2
_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "s390x": 351}

_INSTRUCTION = struct.Struct("=BBhi")
_LDX_W = 0x61
_MOV_K, _MOV_X, _AND_K, _RSH_K = 0xB7, 0xBF, 0x57, 0x77
_JEQ_K, _JNE32_K, _EXIT = 0x15, 0x56, 0x95


class Program:
    """Instructions in order, with jumps to labels that may come later."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, str | int, int]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        """Names the next instruction."""
        self._labels[name] = len(self._code)

    def load_u32(self, register: int, offset: int) -> None:
        """Reads 32 bits of the context (register 1) into `register`."""
        self._code.append((_LDX_W, register | 1 << 4, offset, 0))

    def move(self, register: int, value: int) -> None:
        """Sets a register to a constant."""
        self._code.append((_MOV_K, register, 0, value))

    def copy(self, target: int, source: int) -> None:
        """Copies a register."""
        self._code.append((_MOV_X, target | source << 4, 0, 0))

    def bit_and(self, register: int, value: int) -> None:
        """Keeps the bits of `value`."""
        self._code.append((_AND_K, register, 0, value))

    def shift_right(self, register: int, bits: int) -> None:
        """Shifts right, filling with zeros."""
        self._code.append((_RSH_K, register, 0, bits))

    def jump_if_not(self, register: int, value: int, label: str) -> None:
        """Jumps if the low 32 bits of the register differ from `value`."""
        signed = value - (1 << 32) if value >= 1 << 31 else value
        self._code.append((_JNE32_K, register, label, signed))

    def jump_if(self, register: int, value: int, label: str) -> None:
        """Jumps if the register equals a small constant."""
        self._code.append((_JEQ_K, register, label, value))

    def exit(self, value: int) -> None:
        """Returns a constant."""
        self.move(0, value)
        self._code.append((_EXIT, 0, 0, 0))

    def encode(self) -> bytes:
        """The program as the kernel loads it. A jump to an unknown label is a KeyError."""
        parts = []
        for position, (code, registers, offset, value) in enumerate(self._code):
            if isinstance(offset, str):
                offset = self._labels[offset] - position - 1
            parts.append(_INSTRUCTION.pack(code, registers, offset, value))
        return b"".join(parts)


_call = function("syscall", ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def _bpf(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    number = _NUMBERS.get(ARCHITECTURE)
    if number is None:
        raise failure("bpf", errno=errno.ENOSYS)
    result = _call(number, command, attributes, len(attributes))
    if result < 0:
        raise failure(f"bpf command {command}")
    return result


def _attributes(layout: str, *values: int) -> ctypes.Array[ctypes.c_char]:
    # union bpf_attr, zeroed beyond what the command reads.
    buffer = ctypes.create_string_buffer(128)
    struct.pack_into("=" + layout, buffer, 0, *values)
    return buffer


def load_device_program(program: bytes) -> int:
    """Loads a BPF_PROG_TYPE_CGROUP_DEVICE program; returns a descriptor that the caller owns.

    Raises OSError (EPERM without CAP_BPF or CAP_SYS_ADMIN, EINVAL when the verifier refuses).
    """
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    attributes = _attributes(
        "IIQQ",
        _TYPE_CGROUP_DEVICE,
        len(program) // _INSTRUCTION.size,
        ctypes.addressof(code),
        ctypes.addressof(licence),
    )
    return _bpf(_PROG_LOAD, attributes)  # the kernel makes it close-on-exec


def _attached(group_fd: int) -> list[int]:
    """Ids of the device programs attached to the group itself."""
    ids = (ctypes.c_uint32 * 64)()
    # target_fd, attach_type, query_flags, attach_flags, prog_ids, prog_cnt
    attributes = _attributes(
        "IIIIQI", group_fd, _ATTACH_CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), len(ids)
    )
    _bpf(_PROG_QUERY, attributes)
    (count,) = struct.unpack_from("=I", attributes, 24)
    return list(ids[:count])


def attach_device_program(group: str, program: bytes) -> None:
    """Makes `program` the only device filter that is attached to the group directory itself.

    The new one is attached before the old ones go, so at no time is less refused than both allow.
    Filters of parent groups go on to apply. The kernel keeps the program as long as the group.
    Raises OSError.
    """
    program_fd = load_device_program(program)
    try:
        group_fd = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            old = _attached(group_fd)
            _bpf(
                _PROG_ATTACH,
                _attributes("IIII", group_fd, program_fd, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI),
            )
            for program_id in old:
                _detach(group_fd, program_id)
        finally:
            os.close(group_fd)
    finally:
        os.close(program_fd)


def _detach(group_fd: int, program_id: int) -> None:
    with suppress(FileNotFoundError):  # gone meanwhile
        fd = _bpf(_PROG_GET_FD_BY_ID, _attributes("I", program_id))
        try:
            _bpf(_PROG_DETACH, _attributes("III", group_fd, fd, _ATTACH_CGROUP_DEVICE))
        finally:
            os.close(fd)
