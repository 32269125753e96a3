"""Tar streams, read and written by descriptor.

An *archive* is a tar stream (ustar, GNU or PAX), perhaps compressed. A *layer* is such an archive
with whiteouts, the changes from one root file system to the next. Nothing here joins a name from
an archive to a path: every step is an at-call on the descriptor of a directory that is known to
be inside the target, and no symbolic link of the archive is ever followed out of it.

- `reader`: a stream of headers and data, with limits.
- `writer`: headers out, deterministic.
- `compression`: gzip, zstd, xz and bzip2 found by their magic, in our own process.
- `apply`: a layer into a snapshot's directory, whiteouts in overlay form; `merge`: into a copy of
  the layer below.
- `copy`: what `cp` and `export` need.
- `tree`: removing and measuring whole trees.

See: OCI image-spec layer.md; pax(1), "pax Interchange Format"; tar(5) of libarchive.
"""

from baleen.archive.copy import PathStat, export_tree, extract, stat_path, tar_path
from baleen.archive.pack import pack_changes

__all__ = ["PathStat", "export_tree", "extract", "pack_changes", "stat_path", "tar_path"]
