"""R13 (runc CVE-2025-52881): writes meant for /proc/sys or /proc/self/attr land elsewhere.

A mount below a shared directory is led into /proc by a racing link: a runtime that walks it by name
puts a file of the attacker's over /proc/sys/net or /proc/self/attr, and its own next write goes
where that leads (sysrq-trigger: the host goes down). Ours refuses any place inside a procfs, and
writes sysctls through a procfs of its own that nobody else can reach.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from attack_lab import Layer, image, run
from racing import flipping, repeat

pytestmark = pytest.mark.integration

HOST = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/kernel/msgmax", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/domainname",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
)  # fmt: skip
SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "77", "kernel.msgmax": "4321"}
SCRIPT = """
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax
grep -c ' /proc/sys/net\\| /proc/self\\| /proc/[0-9]' /proc/self/mountinfo
"""
AS_ASKED = "77\n4321\n0\n"


@pytest.fixture
def host_stays():
    before = {path: Path(path).read_text() for path in HOST}
    yield
    assert {path: Path(path).read_text() for path in HOST} == before


def start(engine, *binds, **host) -> str:
    code, text = run(
        engine, "sh", "-c", SCRIPT, Binds=list(binds), Sysctls=SYSCTLS, config={"Tty": False},
        **host,
    )  # fmt: skip
    if code == -1:
        return text
    assert text == AS_ASKED, text
    return ""


@pytest.mark.parametrize("target", ["/proc/sys/net", "/proc/thread-self/attr"])
def test_a_racing_link_into_proc(engine, tmp_path, host_stays, target):
    shared = tmp_path / "shared"
    (shared / "real").mkdir(parents=True)
    (shared / "evil").symlink_to(target)
    source = tmp_path / "source"
    (source / "ipv4").mkdir(parents=True)
    for name in ("ip_unprivileged_port_start", "current", "exec"):
        (source / "ipv4" / name).symlink_to("/proc/sysrq-trigger")
        (source / name).symlink_to("/proc/sysrq-trigger")
    options = {
        # What would be labelled by a write below /proc/self/attr.
        "SecurityOpt": ["label=disable", "no-new-privileges"]
    }
    with flipping(engine, shared, [("real", "evil")]):
        results = repeat(
            40, lambda _: start(engine, f"{shared}:/s", f"{source}:/s/real", **options)
        )
    assert "" in results
    for message in results:
        # A magic link is not followed; what is inside /proc is named as such.
        assert not message or "/proc" in message or "symbolic link" in message, message
    shutil.rmtree(shared)


@pytest.mark.parametrize("place", ["/alias", "/alias/net", "/alias/kernel/msgmax"])
def test_a_link_of_the_image_into_proc(engine, tmp_path, host_stays, place):
    name = image(engine, Layer().symlink("alias", "/proc/sys"))
    (tmp_path / "file").touch()
    source = tmp_path / "file" if place.endswith("msgmax") else tmp_path
    message = start(engine, f"{source}:{place}", image=name)
    assert "/proc" in message


def test_names_of_sysctls_do_not_walk(engine, host_stays):
    for name in (
        "net/../kernel/core_pattern", "net.ipv4.../../kernel/sysrq", "/proc/sys/net/x", "net.",
        "kernel.msgmax/../core_pattern", "net.ipv4.ip_forward\n", "..", "", "kernel.core_pattern",
        "fs.mqueue/../../kernel/sysrq", "net/ipv4/conf/../../../vm/overcommit_memory",
    ):  # fmt: skip
        code, text = run(engine, "true", Sysctls={name: "1"})
        assert code == -1, name
        assert "sysctl" in text or "malformed" in text, (name, text)
