"""Lowering with base images that a test makes up."""

from __future__ import annotations

import asyncio

from baleen.build.dockerfile.parser import parse
from baleen.build.graph import Edge
from baleen.build.interfaces import ResolvedImage
from baleen.build.lowering.lower import lower
from baleen.build.options import BuildOptions
from baleen.build.session import LocalDirectory, Session
from baleen.content.store import Lease
from baleen.errors import NotFound
from baleen.oci.digest import Digest
from baleen.oci.image import ExecutionConfig, HistoryEntry, ImageConfig, RootFs
from baleen.oci.platform import Platform

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")


def config(*, layers=1, created="2020-01-01T00:00:00Z", platform=AMD64, **execution):
    diff_ids = [Digest.of(str(number).encode()) for number in range(layers)]
    return ImageConfig(
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
        created=created,
        rootfs=RootFs(type="layers", diff_ids=diff_ids),
        config=ExecutionConfig(**execution),
        history=[HistoryEntry(created=created, created_by="base")],
    )


class Images:
    """Implements ImageResolver.resolve."""

    def __init__(self, images):
        self.images = images
        self.asked = []
        self.together = 0
        self.most = 0

    async def resolve(self, name, platform, session, report=None):
        self.asked.append((name, str(platform)))
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        if name not in self.images:
            raise NotFound(f"no such image: {name}")
        return ResolvedImage(
            name=f"docker.io/library/{name}@sha256:{'1' * 64}",
            platform=platform,
            config=self.images[name],
            config_digest=str(Digest.of(name.encode())),
        )


def session(**fields):
    return Session(id="build", lease=Lease(), **fields)


def lowered(text, *, images=None, platform=None, locals_=(), resolver=None, **options):
    """Return the plan of a Dockerfile on an image `base` with a shell and nothing else."""
    known = {"base": config(env=["PATH=/bin"]), **(images or {})}
    options.setdefault("build_platform", AMD64)
    directories = {name: LocalDirectory(None) for name in ("context", *locals_)}
    return asyncio.run(
        lower(
            parse(text),
            BuildOptions(**options),
            resolver or Images(known),
            session(locals=directories),
            platform=platform,
        )
    )


def ops(plan):
    """Return the operations of a plan by the name of their vertex."""
    if plan.target is None:
        return {}
    return {vertex.name: vertex.op for vertex in plan.target.vertex.walk()}


def last(plan):
    """Return the operation that gives the result."""
    return plan.target.vertex.op


def created_by(plan):
    return [step.entry.created_by for step in plan.history]


def input_of(plan, index):
    edge = plan.target.vertex.inputs[index]
    assert isinstance(edge, Edge)
    return edge.vertex.op
