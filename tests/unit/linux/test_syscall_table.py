import re

import pytest

from baleen.linux.syscall_table import X32_SYSCALL_BIT, numbers

HEADERS = "/usr/include/x86_64-linux-gnu/asm"


@pytest.mark.parametrize(
    ("architecture", "known"),
    [
        ("x86_64", {"read": 0, "mount": 165, "uretprobe": 335, "pidfd_send_signal": 424}),
        ("i386", {"restart_syscall": 0, "mount": 21, "socketcall": 102, "socket": 359}),
        ("x32", {"read": X32_SYSCALL_BIT, "ioctl": X32_SYSCALL_BIT + 514}),
        ("aarch64", {"io_setup": 0, "mount": 40, "clone": 220, "memfd_secret": 447}),
        (
            "arm",
            {"mount": 21, "sync_file_range2": 341, "arm_sync_file_range": 341, "set_tls": 0xF0005},
        ),
    ],
)
def test_landmarks(architecture, known):
    table = numbers(architecture)
    assert {name: table[name] for name in known} == known
    base = X32_SYSCALL_BIT if architecture == "x32" else 0
    assert table["file_setattr"] == base + 469
    assert table["clone3"] == base + 435
    assert len(set(table.values())) >= len(table) - 1


def test_names_that_an_architecture_never_had_are_absent():
    assert "open" not in numbers("aarch64")
    assert "memfd_secret" not in numbers("arm")
    assert "socketcall" not in numbers("x86_64")
    with pytest.raises(KeyError):
        numbers("vax")


def test_this_machines_own_headers_agree():
    try:
        with open(f"{HEADERS}/unistd_64.h") as header:
            found = re.findall(r"#define __NR_(\w+) (\d+)", header.read())
    except FileNotFoundError:
        pytest.skip("no kernel headers of x86_64 are installed")
    assert found
    table = numbers("x86_64")
    assert {name: table.get(name) for name, _ in found} == {name: int(text) for name, text in found}
