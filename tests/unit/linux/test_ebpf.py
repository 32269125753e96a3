import struct

import pytest

from baleen.linux.ebpf import Program


def test_labels_become_relative_offsets():
    program = Program()
    program.load_u32(2, 4)
    program.jump_if_not(2, 7, "no")
    program.exit(1)
    program.label("no")
    program.exit(0)
    code = list(struct.iter_unpack("=BBhi", program.encode()))
    assert code == [
        (0x61, 0x12, 4, 0),
        (0x56, 2, 2, 7),
        (0xB7, 0, 0, 1),
        (0x95, 0, 0, 0),
        (0xB7, 0, 0, 0),
        (0x95, 0, 0, 0),
    ]


def test_numbers_above_31_bits_are_encoded_as_the_same_bits():
    program = Program()
    program.jump_if_not(2, 0xFFFFFFFF, "end")
    program.label("end")
    program.exit(0)
    assert program.encode()[4:8] == b"\xff\xff\xff\xff"


def test_an_unknown_label_is_a_bug():
    program = Program()
    program.jump_if(0, 0, "nowhere")
    with pytest.raises(KeyError):
        program.encode()
