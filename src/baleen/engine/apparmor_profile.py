"""The AppArmor profile of containers that ask for no other one: its text, and who may signal them.

It lets a container do what its capabilities, mounts and system calls allow, apart from what would
reach the host through the kernel's own file systems, should those be writable by a mistake. It
includes no file of the host, so it means the same on each.

See: apparmor.d(5).
"""

from __future__ import annotations

from typing import Final

__all__ = ["PROFILE", "profile_text"]

PROFILE: Final = "docker-default"
"""Its name is Docker's, so that the tools and habits of administrators go on to work."""

# Globs of AppArmor know no "all but": what may be written is left out letter by letter.
_TEXT: Final = """\
profile {name} flags=(attach_disconnected,mediate_deleted) {{
  capability,
  network,
  unix,
  dbus,
  file,
  umount,

  # Of the whole host, hence no container's to change: all of /proc but the processes, and the
  # limits of shared memory (/proc/sys/kernel/shm*), which belong to the IPC namespace.
  deny /proc/* w,
  deny /proc/[^1-9s]*/** w,
  deny /proc/s[^y]*/** w,
  deny /proc/sy[^s]*/** w,
  deny /proc/sys[^/]*/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/k[^e]** w,
  deny /proc/sys/ke[^r]** w,
  deny /proc/sys/kernel/[^s]** w,
  deny /proc/sys/kernel/s[^h]** w,
  deny /proc/sys/kernel/sh[^m]** w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,

  # All of /sys but the control groups, which are the container's own where they are writable.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,

  deny mount,

  # Processes of the host signal containers; containers signal and trace themselves.
  signal (receive) peer=unconfined,
{signals}  signal (send, receive) peer={name},
  ptrace (trace, read, tracedby, readby) peer={name},
}}
"""


def profile_text(name: str = PROFILE, engine: str = "unconfined") -> str:
    """Return the profile's source.

    Args:
        name: of the profile.
        engine: the profile that the engine itself, and so each supervisor, is confined by.
    """
    signals = "" if engine == "unconfined" else f'  signal (receive) peer="{engine}",\n'
    return _TEXT.format(name=name, signals=signals)
