"""B11: a step has what a container has, and sees nothing of the host or of other builds."""

from __future__ import annotations

import re

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration

QUESTIONS = r"""
grep -E '^(Cap|Seccomp|NoNewPrivs|Groups|Uid|Gid|Umask)' /proc/self/status
cat /proc/self/oom_score_adj /proc/self/limits /proc/self/attr/current 2>/dev/null
sed -E 's/^[0-9]+ [0-9]+ [0-9:]+ //' /proc/self/mountinfo | sort
ls /dev /dev/pts /proc/self/fd
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware /proc/scsi; do ls -ld $f; done
echo 1 > /proc/sys/kernel/core_pattern; echo 1 > /proc/sysrq-trigger
mount -t tmpfs none /mnt; mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x
unshare -U true; unshare -m true; dmesg | head -1
mknod /tmp/b b 8 0 && cat /tmp/b
ls -l /proc/self/ns | sed 's/.* //' | sed 's/:.*//'
"""


def normal(text):
    """What is of one run alone, or of its directory, is left out."""
    text = re.sub(r"[0-9a-f]{64}", "ID", text)
    text = re.sub(r"\S*/(builds|containers)/ID(/m[0-9a-f-]+)?", "RUN", text)
    text = re.sub(r"(lowerdir\+?|upperdir|workdir)=[^,]*", r"\1", text)
    text = re.sub(r"(,lowerdir\+?)+", ",lowerdir", text)
    text = re.sub(r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ [\d:]+", "TIME", text)
    return re.sub(r"\d+:(\d+ /)", r"N:\1", text)


@pytest.mark.parametrize("remap", [False, True])
def test_a_step_has_what_a_container_has(build_bed, remap):  # noqa: F811
    found = build_bed.run(
        """
        async def main(engine, world):
            command = "exec 2>&1\\n" + world.facts["questions"] + "true"
            await world.step(command)
            return [world.last.out.decode(), await world.container(command)]
        """,
        questions=QUESTIONS,
        remap=remap,
        root="remapped" if remap else ".",
    )
    step, container = (normal(text).splitlines() for text in found)
    assert step == container
    assert "Seccomp:\t2" in step
    if not remap:
        assert "CapBnd:\t00000000a80425fb" in step


def test_a_step_sees_nothing_of_host_and_daemon(build_bed, monkeypatch):  # noqa: F811
    monkeypatch.setenv("DAEMONS_OWN", "d43m0n")
    found = build_bed.run(
        """
        import asyncio
        from build_world import Log

        async def main(engine, world):
            log = Log()
            other = asyncio.ensure_future(world.step("echo go; sleep 0.5", log=log))
            await log.first.wait()
            await world.step("env; cat /proc/*/environ /proc/*/cmdline | tr '\\\\0' '\\\\n'; ps; "
                "find / -xdev -type s; cat /proc/net/unix; ls -l /proc/1/fd; ls /run /var/run; "
                "ip addr; cat /proc/net/arp")
            await other
            return world.last.out.decode()
    """,
        fresh=True,
    )
    assert "d43m0n" not in found
    assert "sleep 0.5" not in found
    assert "@" not in found.replace("eth0@", "")  # no socket of the host's
    assert str(build_bed.place) not in found
    assert build_bed.name not in found


def test_more_rights_need_to_be_granted(build_bed):  # noqa: F811
    found = build_bed.run("""
        async def main(engine, world):
            refused = await world.fails("true", security="insecure")
            session = world.session(entitlements=frozenset({"security.insecure"}))
            await world.step("grep -E '^(CapBnd|Seccomp):' /proc/self/status", security="insecure",
                session=session)
            return [refused, world.last.out.decode()]
    """)
    assert found[0][0] == "PermissionDenied"
    assert found[0][1].startswith("security.insecure is not allowed")
    assert "Seccomp:\t0" in found[1]


def test_the_hosts_network_is_for_who_asks_for_it(engine, tmp_path):
    """A Dockerfile cannot take it; the client's own `--network host` gives it, as with dockerd."""
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN --network=host ip link\n")
    refused = engine.docker("build", str(tmp_path), check=False)
    assert refused.returncode == 1
    assert "network.host is not allowed" in refused.stderr
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN ip link\n")
    links = engine.inside("ip", "-o", "link").splitlines()
    out = engine.out("build", "--no-cache", "--network", "host", str(tmp_path))
    for line in links:
        assert line.split(": ")[1].split("@")[0] in out
