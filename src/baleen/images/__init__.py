"""Images: names that point at content, and content that becomes a root file system.

Terms: a *reference* is a name with a tag or digest; a *target* is the descriptor that it points at, of
a *manifest* or an *index*; the *image id* is the target's digest. A *layer* is a blob; a *diff id* the digest of
its uncompressed tar; a *chain id* names a stack of layers and is what is unpacked.
"""
