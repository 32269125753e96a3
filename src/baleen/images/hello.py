"""The `hello-world` program: a static ELF executable, assembled here, that prints a text and exits.

Two system calls, write(1, text) and exit(0), need no assembler: the instructions are spelled out
below for each processor.

See: elf(5); Intel SDM volume 2; Arm ARM, A64 base instructions; syscall(2).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from baleen.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TEXT", "hello_program"]

TEXT = """\

Hello from Baleen!
This text came out of a container, so your installation works.

What has just happened:
 1. Your client asked the Baleen daemon for a container of the image "hello-world".
 2. The daemon took that image, which comes with it, and stacked a writable layer on top.
 3. A supervisor was forked. It made namespaces and cgroups, mounted the layers as one root
    file system, dropped privileges and executed the one file in the image, /hello.
 4. The program wrote this text; the supervisor passed it to your terminal and kept it in the
    container's log, then recorded that the program exited with status 0.

For something larger, try a shell in a container of the other image that comes with Baleen:
 $ baleen run -it busybox

"""

_BASE = 0x400000
_HEADERS = 64 + 56
_PAGE = 0x1000
# e_machine of elf.h
_EM_X86_64 = 62
_EM_AARCH64 = 183


def _x86_64(text_offset_from: Callable[[int], int], length: int) -> bytes:
    write = b"\xb8\x01\x00\x00\x00"  # mov eax, 1 (write)
    write += b"\xbf\x01\x00\x00\x00"  # mov edi, 1 (standard output)
    after_lea = len(write) + 7
    write += b"\x48\x8d\x35" + struct.pack("<i", text_offset_from(after_lea))  # lea rsi, [rip+..]
    write += b"\xba" + struct.pack("<I", length)  # mov edx, length
    write += b"\x0f\x05"  # syscall
    return write + b"\xb8\x3c\x00\x00\x00" + b"\x31\xff" + b"\x0f\x05"  # exit(0)


def _aarch64(text_offset_from: Callable[[int], int], length: int) -> bytes:
    def movz(register: int, value: int) -> int:
        return 0xD2800000 | value << 5 | register

    supervisor_call = 0xD4000001
    offset = text_offset_from(4)
    adr = 0x10000001 | (offset & 3) << 29 | (offset >> 2 & 0x7FFFF) << 5
    words = [
        movz(0, 1),  # x0 = standard output
        adr,  # x1 = text
        movz(2, length),
        movz(8, 64),  # write
        supervisor_call,
        movz(0, 0),
        movz(8, 93),  # exit
        supervisor_call,
    ]
    return struct.pack(f"<{len(words)}I", *words)


_ASSEMBLERS = {"amd64": (_EM_X86_64, _x86_64), "arm64": (_EM_AARCH64, _aarch64)}


def hello_program(architecture: str, text: str = TEXT) -> bytes:
    """Return the executable for `architecture` (Go's name).

    Raises:
        FailedPrecondition: no instructions are known for it.
    """
    if architecture not in _ASSEMBLERS:
        raise FailedPrecondition(f"there is no hello-world program for {architecture}")
    machine, assemble = _ASSEMBLERS[architecture]
    data = text.encode()
    # Assembled twice: the code's length does not depend on the offsets in it.
    size = len(assemble(lambda _: 0, len(data)))
    # For A64, `position` is the address of the instruction itself; for x86 the one behind it.
    code = assemble(lambda position: size - position, len(data))
    total = _HEADERS + len(code) + len(data)
    elf_header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",  # 64 bit, little endian
        2,  # ET_EXEC
        machine,
        1,
        _BASE + _HEADERS,
        64,
        0,
        0,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    # PT_LOAD, readable and executable.
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, total, total, _PAGE)
    return elf_header + segment + code + data
