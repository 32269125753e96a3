import importlib.util
import pathlib

import pytest

from baleen.linux.bpf import JEQ, JGE, JGT, Assembler, FilterTooLong


def load_simulator():
    path = pathlib.Path(__file__).with_name("bpf_simulator.py")
    spec = importlib.util.spec_from_file_location("bpf_simulator", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


simulator = load_simulator()


def result(out: Assembler, number: int) -> int:
    return simulator.run(simulator.decode(out.encode()), simulator.seccomp_data(number, 0))


def test_each_comparison_takes_the_right_way():
    for jump, holds in ((JEQ, {5}), (JGT, {6, 7}), (JGE, {5, 6, 7})):
        out = Assembler()
        out.load(0)
        out.jump_if(jump, 5, yes="yes", no="no")
        out.label("no")
        out.ret(0)
        out.label("yes")
        out.ret(1)
        assert {number for number in range(3, 8) if result(out, number)} == holds


@pytest.mark.parametrize("distance", [253, 254, 255, 256, 257, 600])
@pytest.mark.parametrize("way", ["yes", "no", "both"])
def test_far_labels_are_reached(distance, way):
    out = Assembler()
    out.load(0)
    out.jump_if(
        JEQ,
        1,
        yes="a" if way in ("yes", "both") else None,
        no="b" if way in ("no", "both") else None,
    )
    out.ret(7)
    for _ in range(distance):
        out.ret(9)
    out.label("a")
    out.ret(1)
    out.label("b")
    out.ret(2)
    assert result(out, 1) == (1 if way in ("yes", "both") else 7)
    assert result(out, 0) == (2 if way in ("no", "both") else 7)


def test_widening_one_jump_may_push_another_out_of_reach():
    out = Assembler()
    out.load(0)
    for value in range(300):
        out.jump_if(JEQ, value, yes=f"l{value}")
    out.ret(999)
    for value in range(300):
        out.label(f"l{value}")
        out.ret(value + 1000)
    assert [result(out, value) for value in (0, 1, 150, 298, 299, 300)] == [
        1000,
        1001,
        1150,
        1298,
        1299,
        999,
    ]


def test_masks_are_applied():
    out = Assembler()
    out.load(0)
    out.bit_and(0xF0)
    out.jump_if(JEQ, 0x10, no="no")
    out.ret(1)
    out.label("no")
    out.ret(0)
    assert (result(out, 0x1F), result(out, 0x2F)) == (1, 0)


def test_a_backward_jump_and_an_unknown_label_are_bugs():
    out = Assembler()
    out.label("a")
    out.load(0)
    out.jump_if(JEQ, 1, yes="a")
    out.ret(0)
    with pytest.raises(AssertionError):
        out.encode()
    out = Assembler()
    out.jump_if(JEQ, 1, yes="a")
    with pytest.raises(KeyError):
        out.encode()


def test_the_kernels_limit_is_known():
    out = Assembler()
    for _ in range(4096):
        out.ret(0)
    assert len(out.encode()) == 4096 * 8
    out.ret(0)
    with pytest.raises(FilterTooLong, match="4097 instructions"):
        out.encode()
