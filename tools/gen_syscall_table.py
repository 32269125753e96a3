"""Writes src/baleen/linux/syscall_table.py from the kernel's own headers.

Run it on an x86_64 Debian with a C preprocessor, after unpacking (dpkg -x) the packages
linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross into the directories that are given:

    python tools/gen_syscall_table.py ARM64_ROOT ARMHF_ROOT > src/baleen/linux/syscall_table.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

# Newer than Debian 12's headers (6.1), up to Linux 6.18; the same number on each architecture.
# Source: scripts/syscall.tbl and arch/x86/entry/syscalls/syscall_64.tbl of Linux 6.19.
NEWER = {
    "cachestat": 451,
    "fchmodat2": 452,
    "map_shadow_stack": 453,
    "futex_wake": 454,
    "futex_wait": 455,
    "futex_requeue": 456,
    "statmount": 457,
    "listmount": 458,
    "lsm_get_self_attr": 459,
    "lsm_set_self_attr": 460,
    "lsm_list_modules": 461,
    "mseal": 462,
    "setxattrat": 463,
    "getxattrat": 464,
    "listxattrat": 465,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_getattr": 468,
    "file_setattr": 469,
    "listns": 470,
}
NEWER_X86_64 = {"uretprobe": 335, "uprobe": 336}
X32_BIT = 0x40000000
MACRO = re.compile(r"#define __(NR3264|NR|ARM_NR)_(\w+) (.+)")

HEAD = '''"""System call numbers by architecture; made by tools/gen_syscall_table.py, do not edit.

Source: Debian 12's linux-libc-dev (6.1) for the architectures, and the kernel's syscall.tbl files
up to Linux 6.18 for later calls, which have the same number everywhere. Only a compiler of filters
needs this module; it is kept as text, in order of the numbers, and parsed when asked for.
"""

from __future__ import annotations

from functools import cache

__all__ = ["X32_SYSCALL_BIT", "numbers"]

# Or-ed to every number of the x32 table, which is part of it here.
X32_SYSCALL_BIT = 0x40000000


@cache
def numbers(architecture: str) -> dict[str, int]:
    """Numbers by name for "x86_64", "i386", "x32", "aarch64" or "arm" (EABI).

    Raises KeyError for another architecture. The result is shared: do not change it.
    """
    result: dict[str, int] = {}
    number = -1
    for word in _TABLES[architecture].split():
        if word[0] == "@":
            number = int(word[1:]) - 1
            continue
        number += 1
        for name in word.split("="):
            result[name] = number
    return result


# Each name is one higher than the one before it; "@N" says the number of the next; names joined
# by "=" share a number.
_TABLES = {
'''


def macros(include: Path, *options: str) -> dict[str, int]:
    """Runs the preprocessor over asm/unistd.h of `include` and reads the numbers."""
    command = ["cpp", "-undef", "-nostdinc", "-dM", f"-I{include}", *options]
    output = subprocess.run(
        [*command, str(include / "asm/unistd.h")], check=True, capture_output=True, text=True
    ).stdout
    defined: dict[str, str] = {}
    for line in output.splitlines():
        if match := MACRO.match(line):
            prefix, name, value = match.groups()
            defined[f"__{prefix}_{name}"] = value
        elif line.startswith(("#define __X32_SYSCALL_BIT ", "#define __NR_SYSCALL_BASE ")):
            defined[line.split()[1]] = line.split(None, 2)[2]

    def evaluate(text: str) -> int:
        if "+" in text:
            left, right = text.strip("()").split("+")
            return evaluate(left.strip("( )")) + evaluate(right.strip("( )"))
        text = text.strip("()")
        return evaluate(defined[text]) if text in defined else int(text, 0)

    result = {}
    for macro, value in defined.items():
        match = re.match(r"__(NR|ARM_NR)_(\w+)$", macro)
        if (
            match
            and not match[2].startswith(("SYSCALL", "OABI", "BASE"))
            and (match[2] not in ("syscalls", "arch_specific_syscall", "sync_file_range2_end"))
        ):
            result[match[2]] = evaluate(value)
    return result


def block(numbers: dict[str, int]) -> str:
    """The table as text in order of numbers."""
    by_number: dict[int, list[str]] = {}
    for name, number in numbers.items():
        by_number.setdefault(number, []).append(name)
    words = []
    expected = 0
    for number, names in sorted(by_number.items()):
        if number != expected:
            words.append(f"@{number}")
        words.append("=".join(sorted(names)))
        expected = number + 1
    return textwrap.fill(" ".join(words), 100, break_on_hyphens=False, break_long_words=False)


def main() -> None:
    """Prints the module."""
    arm64, armhf = (Path(argument) for argument in sys.argv[1:3])
    x86 = Path("/usr/include/x86_64-linux-gnu")
    generic = f"-I{x86.parent}"
    tables = {
        "x86_64": macros(x86, generic, "-D__x86_64__") | NEWER_X86_64,
        "i386": macros(x86, generic, "-D__i386__"),
        "x32": macros(x86, generic, "-D__x86_64__", "-D__ILP32__"),
        "aarch64": macros(arm64 / "usr/aarch64-linux-gnu/include", "-D__aarch64__", "-D__LP64__"),
        "arm": macros(armhf / "usr/arm-linux-gnueabihf/include", "-D__arm__", "-D__ARM_EABI__"),
    }
    sys.stdout.write(HEAD)
    for name, numbers in tables.items():
        base = X32_BIT if name == "x32" else 0
        known = numbers | {call: number + base for call, number in NEWER.items()}
        sys.stdout.write(f'    "{name}": """\n{block(known)}\n""",\n')
    sys.stdout.write("}\n")


if __name__ == "__main__":
    main()
