"""Copying between a container and the local file system as tar streams.

An engine's tar is untrusted: it may come from a hostile container or a lying engine. It is read by
`tar_reader` with bounded memory and written by `extract`, which holds a descriptor of every folder
it is in and never follows a link that the archive, or anybody meanwhile, put there (A20).
"""

from __future__ import annotations

__all__: list[str] = []
