"""Descriptors and platforms of images as the API shows them.

See: Engine API, definitions OCIDescriptor and OCIPlatform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from baleen.api import OCIDescriptor, OCIPlatform

if TYPE_CHECKING:
    from baleen.images import Image
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.platform import Platform

__all__ = ["descriptor_view", "manifest_view", "platform_view"]


def descriptor_view(descriptor: Descriptor) -> OCIDescriptor:
    """Return media type, digest and size."""
    return OCIDescriptor(
        media_type=descriptor.media_type, digest=str(descriptor.digest), size=descriptor.size
    )


def platform_view(platform: Platform) -> OCIPlatform:
    """Return the platform; what is absent is empty."""
    return OCIPlatform(
        architecture=platform.architecture,
        os=platform.os,
        os_version=platform.os_version or "",
        os_features=platform.os_features or [],
        variant=platform.variant or "",
    )


def manifest_view(image: Image) -> OCIDescriptor:
    """Return the manifest of a chosen image with its platform: by the index, or else the config."""
    platform = image.manifest_descriptor.platform or image.config.platform
    return msgspec.structs.replace(
        descriptor_view(image.manifest_descriptor), platform=platform_view(platform)
    )
