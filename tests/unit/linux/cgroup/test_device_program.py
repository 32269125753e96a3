"""The device program, run by a small interpreter of the instructions that it uses."""

import itertools
import struct

import pytest

from baleen.linux.cgroup.device_program import device_program
from baleen.linux.cgroup.devices import evaluate

DENY_ALL = {"allow": False, "access": "rwm"}
KINDS = {"b": 1, "c": 2}


def run(program: bytes, kind: str, access: int, major: int, minor: int) -> int:
    code = list(struct.iter_unpack("=BBhi", program))
    context = struct.pack("=III", access << 16 | KINDS[kind], major, minor)
    registers = [0] * 11
    position = 0
    while True:
        operation, pair, offset, value = code[position]
        target, source = pair & 15, pair >> 4
        position += 1
        if operation == 0x61:
            (registers[target],) = struct.unpack_from("=I", context, offset)
        elif operation == 0xB7:
            registers[target] = value
        elif operation == 0xBF:
            registers[target] = registers[source]
        elif operation == 0x57:
            registers[target] &= value
        elif operation == 0x77:
            registers[target] >>= value
        elif operation == 0x15:
            position += offset if registers[target] == value else 0
        elif operation == 0x56:
            position += offset if registers[target] & 0xFFFFFFFF != value & 0xFFFFFFFF else 0
        elif operation == 0x95:
            return registers[0]
        else:
            raise AssertionError(hex(operation))


def allow(kind, major, minor, access):
    return {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}


RULES = [
    ("c", 1, 3, "rwm"),
    ("c", 5, None, "r"),
    ("b", None, None, "m"),
    ("c", None, 7, "rw"),
    ("b", 8, 0, "rm"),
    ("c", 0xFFFFFFFF, 1, "w"),
]


@pytest.mark.parametrize("allowing", [True, False])
def test_the_program_decides_as_the_rules_say(allowing):
    default = DENY_ALL if allowing else {"allow": True, "type": "a"}
    rules = [default, *({**allow(*rule), "allow": allowing} for rule in RULES)]
    program = device_program(evaluate(rules))
    bits = {"m": 1, "r": 2, "w": 4}
    for kind, access, major, minor in itertools.product(
        "bc", range(1, 8), (1, 5, 8, 9, 0xFFFFFFFF), (0, 1, 3, 7)
    ):
        matching = [
            sum(bits[letter] for letter in letters)
            for of, on_major, on_minor, letters in RULES
            if of == kind and on_major in (None, major) and on_minor in (None, minor)
        ]
        if allowing:
            expected = any(access & ~held == 0 for held in matching)
        else:
            expected = not any(access & held for held in matching)
        assert run(program, kind, access, major, minor) == expected, (kind, access, major, minor)


def test_no_rules_allow_everything():
    assert run(device_program(evaluate([])), "b", 7, 8, 0) == 1
