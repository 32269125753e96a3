"""Where the bytes of blobs lie: one interface (`driver`) and its drivers (`files`, `s3`).

A *session* is an upload under way; it lives wholly in the storage, so that the metadata hold only
what a client was told to be safe. A committed blob has a *location*: a name under which exactly
these bytes were written once. A location is never used again: the same content, uploaded again
after its removal, gets another one, so that removing an old location can never take away new
content.
"""

from baleen.registry.storage.driver import Ingest, Session, Storage

__all__ = ["Ingest", "Session", "Storage"]
