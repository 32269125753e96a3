"""The hello-world program runs, for every processor that we assemble for."""

import os
import shutil
import struct
import subprocess

import pytest

from baleen.errors import FailedPrecondition
from baleen.images.busybox import is_static_elf
from baleen.images.hello import TEXT, hello_program


def test_it_prints_its_text_and_exits_with_zero(tmp_path):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
    if machine is None:
        pytest.skip("no program for this processor")
    path = tmp_path / "hello"
    path.write_bytes(hello_program(machine))
    path.chmod(0o755)
    result = subprocess.run([path], capture_output=True, check=True)
    assert result.stdout.decode() == TEXT
    assert result.stderr == b""


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
def test_the_header_describes_the_file(architecture, machine):
    program = hello_program(architecture, "hi\n")
    assert is_static_elf(program)
    assert struct.unpack_from("<HH", program, 16) == (2, machine)
    entry, headers = struct.unpack_from("<QQ", program, 24)
    kind, flags, offset, address = struct.unpack_from("<IIQQ", program, headers)
    assert (kind, flags, offset) == (1, 5, 0)
    assert entry == address + 64 + 56
    assert struct.unpack_from("<QQ", program, headers + 32) == (len(program), len(program))
    assert program.endswith(b"hi\n")


def test_arm_code_is_decoded_back():
    text = "x" * 300
    program = hello_program("arm64", text)
    words = struct.unpack_from("<8I", program, 120)
    registers = {}
    for word in words[:4]:
        if word >> 23 == 0b110100101:
            registers[word & 31] = word >> 5 & 0xFFFF
    adr = words[1]
    offset = (adr >> 5 & 0x7FFFF) << 2 | adr >> 29 & 3
    assert registers == {0: 1, 2: 300, 8: 64}
    assert program[120 + 4 + offset :] == text.encode()
    assert words[4] == words[7] == 0xD4000001


@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="needs qemu-user")
def test_arm_code_runs_under_an_emulator(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(hello_program("arm64"))
    path.chmod(0o755)
    result = subprocess.run(["qemu-aarch64", path], capture_output=True, check=True)
    assert result.stdout.decode() == TEXT


def test_other_processors_are_said_to_be_unknown():
    with pytest.raises(FailedPrecondition, match="no hello-world program for s390x"):
        hello_program("s390x")
