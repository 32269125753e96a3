"""Content: blobs named by their digest, in the OCI image layout.

A blob is written to a temporary file while it is hashed, made durable and renamed to its digest:
whatever has a name is complete and true. A *lease* keeps blobs that nothing refers to yet (a pull
or load under way); whatever is neither reachable nor leased is garbage.
"""

from baleen.content.store import ContentStore

__all__ = ["ContentStore"]
