"""The machine code is what its commented sources say, and runs on both architectures."""

import shutil
import subprocess
from pathlib import Path

import pytest

from baleen.linux import script as script_module
from baleen.linux.script_code import CODE, MACHINE

SOURCES = Path(__file__).parents[3] / "tools" / "script"
TOOLS = {"x86_64": "x86_64-linux-gnu-", "aarch64": "aarch64-linux-gnu-"}
EMULATORS = {"x86_64": "qemu-x86_64-static", "aarch64": "qemu-aarch64-static"}


@pytest.mark.parametrize("architecture", sorted(CODE))
def test_it_is_what_the_source_says(architecture, tmp_path):
    assembler = shutil.which(f"{TOOLS[architecture]}as")
    if assembler is None:
        pytest.skip(f"no assembler for {architecture}")
    made, raw = tmp_path / "code.o", tmp_path / "code"
    subprocess.run([assembler, "-o", made, SOURCES / f"{architecture}.s"], check=True)
    subprocess.run(
        [f"{TOOLS[architecture]}objcopy", "-O", "binary", "-j", ".text", made, raw], check=True
    )
    assert raw.read_bytes() == CODE[architecture]


@pytest.mark.parametrize("architecture", sorted(CODE))
def test_it_makes_calls_jumps_compares_and_fails(architecture, tmp_path, monkeypatch):
    emulator = shutil.which(EMULATORS[architecture])
    if emulator is None:
        pytest.skip(f"no emulator of {architecture}")
    from baleen.linux import calls

    numbers = calls._AARCH64 if architecture == "aarch64" else calls._X86_64
    monkeypatch.setattr(script_module, "ARCHITECTURE", architecture)
    monkeypatch.setattr(script_module, "NUMBERS", numbers | calls._EVERYWHERE)
    script = script_module.Script()
    equal, there = script_module.Label(), script_module.Label()
    text = script.text("yes")
    script.jump_if_equal(text, 0xF0, 0x70, equal)
    script.fail()
    script.place(equal)
    script.call("openat", -100, script.text("/nonexistent"), 0, ignore=2)
    script.call("openat", -100, script.text("/nonexistent"), 0, otherwise=there)
    script.fail()
    script.place(there)
    copied = script.call("dup3", 1, 9, 0)
    written = script.call("write", 0, text, 3)
    script.hand_on(copied, written, 0)
    script.report_to(script.call("dup3", 1, 8, 0))
    failed = script.call("openat", -100, script.text("/nonexistent"), 0)
    program = tmp_path / "program"
    program.write_bytes(script.image(2))
    program.chmod(0o755)
    done = subprocess.run([emulator, program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout[:3] == b"yes"
    address, number = script_module.FAILURE.unpack(done.stdout[3:])
    assert (script.failed_step(address), number) == (failed.index, 2)
    assert MACHINE[architecture]
