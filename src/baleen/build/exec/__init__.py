"""RUN: a process in a draft of a tree, isolated as a container's is.

Executor   `Execs` (`executor`): tree -> draft -> process -> tree
Steps      `mounts` what is mounted, `targets` where, `caches` what is kept between builds,
           `secret_files` and `ssh` what must not be kept, `place` a run's directory on the host
Process    `process`: the contract of who runs it, which is the engine

A *run* is one process with its directory, network and control group. Nothing of it is in the
database: it lives and dies with the daemon's connection to its supervisor.
"""
