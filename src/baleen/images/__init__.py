"""Images: names that point at content, and content that becomes a root file system.

Terms: a *reference* is a name with a tag or digest; a *target* is the descriptor that it points
at, of a *manifest* or an *index*; the *image id* is the target's digest. An image without a name
is *dangling*. A *layer* is a blob; its *diff id* the digest of its uncompressed archive; a
*chain id* names a stack of layers and is what is unpacked.

- `store`: the facade that the engine calls.
- `names`, `image`: names in the database, images out of documents.
- `views`, `filters`: what the API shows. `removal`: what may be deleted.
- `unpack`, `feeding`, `unpacking`: layers on disk, in any order. `layering`: a new layer.
- `archives`: `loading`, `saving`, `importing`, `committing`, with `changes` and `remote`.
- `embedded`: the two images that come with Baleen. `registry_image`: the one that is made when it
  is first pulled, out of `registry_files`, with `elf_libraries` and `imported_modules`.
"""

from baleen.images.committing import CommitRequest
from baleen.images.image import Image, ImageUser
from baleen.images.store import EventSink, ImageStore

__all__ = ["CommitRequest", "EventSink", "Image", "ImageStore", "ImageUser"]
