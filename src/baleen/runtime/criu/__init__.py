"""Checkpoint and restore of a container's processes, done by criu.

A **dump** writes the state of all processes of a container, from PID 1 down, to image files in a
directory; a **restore** makes them again from there, in namespaces and a control group that are
made of the container's own document. What belongs to the world outside is **external**: it is named
in the image and given again at the restore (binds, the network namespace, the standard streams).

    messages    the protocol buffers that criu speaks
    service     one `criu swrk` process and the conversation with it
    images      the directory of an image: what may be in it, and the only file that we read
    external    what of a running container is external
    dump        from a running PID 1 to image files
    restore     from image files to a PID 1
    proving     that what was restored has no more rights than the document gives

criu runs with root's rights and does what its image files say, so an image is as trustworthy as
whoever could write to its directory. That is why those with links, or that others can write to,
are refused, and why the processes are looked at before they may run.

See: criu(8), criu's rpc.proto; runc docs/checkpoint-restore.md.
"""

__all__: list[str] = []
