"""Containers that another OCI runtime makes: any program with runc's command line.

::

    shim                                keeper, one for each such container
      ForeignRunner ◄──KeeperLink──►      Keeper ── fork, exec ──► runc create | start | exec | …
      streams, log, resolver              parent of what the program leaves behind

- The *program* is what the administrator has registered: a path and arguments (`program`).
- A *keeper* is the worker that was to start the container, and stays (`keeper`). It has a mount
  namespace of its own, in which the container's root is mounted (`place`), so that nothing has to
  be unmounted whatever dies; it is a subreaper, so that the container's process and its execs
  become its children when the program that has made them ends.
- The shim talks to it by `link`; for a supervisor the `runner` is as good as one of our own.

Nothing here is loaded before the first such container, and nothing of ours enters it: that is the
foreign program's part. Networks, the root, the log and the cgroup's name are ours.

See: OCI runtime-spec runtime.md; runc(8).
"""

__all__: list[str] = []
