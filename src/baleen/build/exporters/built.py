"""A result that exporters work on: one platform's image before it is one.

Exporters make another `Built` out of one (squashed, compressed otherwise) or documents and
streams; they block, and their blobs are held by the build's lease.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baleen.build.trees import Tree
    from baleen.oci.image import ImageConfig
    from baleen.oci.platform import Platform

__all__ = ["Built"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built for one platform.

    Attributes:
        platform: of the image.
        config: finished: layers, history, times.
        tree: the layers.
        base_layers: how many of them are the base image's.
        statements: in-toto statements about it, by predicate type.
    """

    platform: Platform
    config: ImageConfig
    tree: Tree
    base_layers: int = 0
    statements: Mapping[str, bytes] = field(default_factory=dict)
