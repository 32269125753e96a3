"""`baleen explain`: what isolates a container, read from the kernel and said in words.

A `Subject` is what is known of one container: its record, the OCI document of its run (or of the
run that a start would make), and `LiveProcess`, the kernel's own view of its first process. Each
section of the explanation is a module with one function from a subject to a part of
`api.explanation`: `namespaces`, `layers`, `mounts`, `paths`, `privileges`, `syscalls`, `cgroups`,
`network`, `process`, `weaknesses`. The reasons stand in tables of their own, the `why_*` modules,
which may be read as an introduction to containers; `operation` joins it all.

The container is not trusted. Of it, only files of the host's procfs are read, by a descriptor of
/proc/PID that a recycled pid cannot redirect; nothing below its root is opened, no link of it is
followed, and what is read has a limit.
"""
