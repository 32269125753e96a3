"""The engine of an ordinary user: a world in which that user is root.

`baleend --rootless` needs no right but what the host gives to everybody: a user namespace, filled
with the ids that /etc/subuid and /etc/subgid grant, and in it namespaces for mounts, network and
IPC (and control groups, where version 2 has delegated one). Everything above this package then
works as for root; it asks `linux.user_namespace` where it has to know better.

    shell ── baleend --rootless ───────── joins ─────────┐
                 │ the first one starts                  ▼
                 ▼                              the namespaces
              outside ──────────────────────►  holder, zygote, containers
      in the host's network:                   keeps the namespaces alive,
      binds published ports, runs              copies what comes to published ports
      slirp4netns or pasta

*Outside* and *holder* outlive the daemon, as containers do: the next one joins the same namespaces.
`baleend --rootless --uninstall` ends all of them. Standard library only.
"""

from __future__ import annotations

__all__: list[str] = []
