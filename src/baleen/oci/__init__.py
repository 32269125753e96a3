"""Types of the OCI image and distribution specifications. No I/O.

- `digest`: the name of content by its hash.
- `reference`: `docker.io/library/busybox:latest` and its short form.
- `platform`: operating system and processor.
- `descriptor`, `manifest`, `image`: the documents that an image is made of.
- `media_types`: the names of those documents, OCI's and Docker's.

Documents are parsed, never re-encoded: the bytes that have the digest are kept by whoever holds
them. Unknown fields are ignored, and null means absent, as the specification says.
"""
