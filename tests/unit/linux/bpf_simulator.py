"""Runs a classic BPF filter as the kernel does, instruction by instruction.

See: the kernel's Documentation/networking/filter.rst.
"""

import struct

INSTRUCTION = struct.Struct("=HBBI")


def decode(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(INSTRUCTION.iter_unpack(program))


def seccomp_data(number: int, architecture: int, arguments=()) -> bytes:
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    return struct.pack("<IIQ6Q", number, architecture, 0, *padded)


def run(program: list[tuple[int, int, int, int]], data: bytes) -> int:
    """The filter's return value. Raises on anything that the kernel's checker would refuse."""
    return run_counted(program, data)[0]


def run_counted(program: list[tuple[int, int, int, int]], data: bytes) -> tuple[int, int]:
    """The return value and how many instructions it took."""
    accumulator = 0
    position = 0
    count = 0
    while True:
        count += 1
        code, yes, no, k = program[position]
        position += 1
        if code == 0x20:
            assert k % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif code == 0x54:
            accumulator &= k
        elif code == 0x05:
            position += k
        elif code == 0x15:
            position += yes if accumulator == k else no
        elif code == 0x25:
            position += yes if accumulator > k else no
        elif code == 0x35:
            position += yes if accumulator >= k else no
        elif code == 0x06:
            return k, count
        else:
            raise AssertionError(f"unknown instruction {code:#x}")
