"""Trees are values."""

from __future__ import annotations

from baleen.build.trees import EMPTY, Tree
from baleen.oci.digest import Digest


def test_equal_layers_are_equal_trees():
    digest = Digest.of(b"x")
    assert Tree((), (digest,)) == Tree((), (digest,))
    assert hash(Tree((), (digest,))) == hash(Tree((), (digest,)))
    assert Tree() == EMPTY
