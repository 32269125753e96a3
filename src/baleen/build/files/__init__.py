"""Files of a build: what COPY and ADD see, copy, and what decides whether that has changed.

A *file tree* (`tree`) is what can be looked at without caring where it lies: a directory of this
host or a root file system (`directory_tree`), or an archive that was never unpacked
(`archive_tree`), which is what a build context is. Its *nodes* are files; directories load what is
in them when it is asked for, and keep the digest of it.

- `pruning`: a tree without what `.dockerignore` leaves out.
- `selecting`: from the words of COPY to nodes: links, wildcards, `--parents`.
- `digest`: BuildKit's checksum of nodes; what the cache compares.
- `placing`: directories and files made in a tree that is worked on, never outside of it.
- `copying`: nodes to places. `unpacking`: archives to places. `modes`, `owners`: --chmod, --chown.
- `file_ops`, `sources`, `merging`: the executors of the solver.
"""
