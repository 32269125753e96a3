"""The device rules of a v2 group as an eBPF program.

See: cgroup-v2.rst, Device controller.
"""

from __future__ import annotations

from baleen.linux.cgroup.devices import MKNOD, READ, WRITE
from baleen.linux.ebpf import DEVICE_BLOCK, DEVICE_CHAR, Program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from baleen.linux.cgroup.devices import DeviceState

__all__ = ["device_program"]

_ALL = MKNOD | READ | WRITE
# Registers: 1 the context, 2 type, 3 access, 4 major, 5 minor, 0 scratch and result.
_RESULT, _TYPE, _ACCESS, _MAJOR, _MINOR = 0, 2, 3, 4, 5


def device_program(state: DeviceState) -> bytes:
    """Returns a program that answers 1 to what `state` allows, 0 to the rest.

    As in v1, an allowing exception must cover all of the access asked for at once, a denying
    exception any part of it.
    """
    program = Program()
    program.load_u32(_TYPE, 0)
    program.copy(_ACCESS, _TYPE)
    program.bit_and(_TYPE, 0xFFFF)
    program.shift_right(_ACCESS, 16)
    program.load_u32(_MAJOR, 4)
    program.load_u32(_MINOR, 8)
    for index, ((kind, major, minor), access) in enumerate(state.exceptions.items()):
        following = str(index)
        program.jump_if_not(_TYPE, DEVICE_BLOCK if kind == "b" else DEVICE_CHAR, following)
        if major is not None:
            program.jump_if_not(_MAJOR, major, following)
        if minor is not None:
            program.jump_if_not(_MINOR, minor, following)
        if access != _ALL:
            program.copy(_RESULT, _ACCESS)
            if state.allow:
                program.bit_and(_RESULT, access)
                program.jump_if(_RESULT, 0, following)
            else:
                program.bit_and(_RESULT, _ALL & ~access)
                program.jump_if_not(_RESULT, 0, following)
        program.exit(0 if state.allow else 1)
        program.label(following)
    program.exit(1 if state.allow else 0)
    return program.encode()
