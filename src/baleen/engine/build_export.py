"""From a build's results to what the client wants of them: images, archives, files.

See: `build.exporters`.
"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from baleen.build.exporters.attesting import attested
from baleen.build.exporters.built import Built
from baleen.build.exporters.files import export_files
from baleen.build.exporters.image import image_annotations, store_image
from baleen.build.exporters.layers import recompressed, with_times_until
from baleen.build.exporters.outputs import Output
from baleen.build.exporters.squash import squashed
from baleen.build.plan import rfc3339
from baleen.build.progress import ClassicProgress
from baleen.build.solver.cache_index import inline
from baleen.engine.build_cache import is_inline
from baleen.engine.build_images import registry_auth
from baleen.errors import InvalidArgument
from baleen.images.image import read_variants
from baleen.images.saving import SaveItem, save_archive
from baleen.oci.image import ExecutionConfig, ImageConfig, RootFs
from baleen.oci.reference import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from baleen.build.graph import Exec
    from baleen.build.plan import Plan
    from baleen.build.solver.outcome import Solution
    from baleen.build.trees import Tree
    from baleen.build.vertex_progress import VertexProgress
    from baleen.content.store import Lease
    from baleen.engine.build_feed import BuildFeed
    from baleen.engine.build_parts import BuildParts
    from baleen.engine.build_request import BuildRequest
    from baleen.oci.descriptor import Descriptor
    from baleen.oci.reference import Reference

__all__ = ["Exporting"]

_SHOWN_ID = 12
_IMAGE = Output(kind="image")


class Exporting:
    """The exports of one build; made when it begins.

    Args:
        send: takes messages that a quiet build keeps to itself.
        build_id: of the build, random.
    """

    def __init__(
        self,
        parts: BuildParts,
        request: BuildRequest,
        feed: BuildFeed,
        send: Callable[[dict[str, object]], None],
        lease: Lease,
        build_id: str,
    ) -> None:
        self._build_id = build_id
        self._started = rfc3339(time.time_ns())
        self._parts = parts
        self._request = request
        self._feed = feed
        self._send = send
        self._lease = lease

    async def export(
        self,
        plans: Sequence[Plan],
        solution: Solution,
        progress: ClassicProgress | VertexProgress,
    ) -> None:
        """Make all outputs, and tell of them.

        Raises:
            BaleenError: a name or attribute that cannot be, no space, a registry's refusal.
        """
        outputs = self._request.outputs or (_IMAGE,)
        results = await self._parts.tasks.blocking(self._results, plans, solution)
        images = [output for output in outputs if output.kind == "image"]
        target: Descriptor | None = None
        for output in images:
            target = await self._parts.tasks.blocking(self._image, results, output)
        self._tell(plans, target, progress)
        for output in outputs:
            if output.to_client:
                await self._to_client(results, output)
        for output in images:
            if output.flag("push"):
                await self._push(output)

    def _results(self, plans: Sequence[Plan], solution: Solution) -> list[Built]:
        request, parts = self._request, self._parts
        found = []
        for plan in plans:
            now_ns = time.time_ns()
            config = plan.image_config(solution.tree, solution.created_ns, now_ns)
            built = Built(
                platform=plan.platform,
                config=config,
                tree=solution.tree(plan.target),
                base_layers=len(solution.tree(plan.base).layers),
            )
            if is_inline(request.options.cache_to, request.options.build_args):
                built = replace(built, config=inline(config, solution, built.tree))
            if request.options.squash:
                created = config.created or rfc3339(now_ns)
                built = squashed(parts.trees, parts.content, self._lease, built, created)
            if request.attests:
                built = self._attested(built, plan, rfc3339(now_ns))
            found.append(built)
        return found

    def _attested(self, built: Built, plan: Plan, now: str) -> Built:
        request = self._request
        fixed = None if plan.epoch_ns is None else rfc3339(plan.epoch_ns)
        return attested(
            self._parts.trees,
            built,
            plan,
            request.attests,
            build_id=self._build_id,
            started=fixed or self._started,
            finished=fixed or now,
            dockerfile=request.options.dockerfile,
            arguments=request.options.build_args,
        )

    # --- images

    def _image(self, results: Sequence[Built], output: Output) -> Descriptor:
        target = self._stored(results, output)
        names = [parse_reference(name).with_default_tag() for name in output.names]
        names = [*self._request.tags, *(name for name in names if name not in self._request.tags)]
        self._parts.images.put(target, names)
        for name in names:
            self._parts.on_image("tag", str(target.digest), {"name": name.familiar})
        return target

    def _stored(self, results: Sequence[Built], output: Output) -> Descriptor:
        content, lease, epoch_ns = self._parts.content, self._lease, self._request.epoch_ns
        attributes = output.attributes
        found = []
        for result in results:
            built = result
            if output.flag("rewrite-timestamp"):
                if epoch_ns is None:
                    raise InvalidArgument("rewrite-timestamp needs SOURCE_DATE_EPOCH")
                built = with_times_until(content, lease, built, epoch_ns)
            compression = attributes.get("compression", "")
            if compression:
                level = attributes.get("compression-level", "")
                built = recompressed(
                    content,
                    lease,
                    built,
                    compression,
                    level=int(level) if level.isdecimal() else None,
                    everything=output.flag("force-compression"),
                )
            found.append(built)
        return store_image(
            content,
            lease,
            found,
            annotations=image_annotations(attributes),
            index=self._request.options.multi_platform,
        )

    async def keep_failed(self, tree: Tree, step: Exec) -> None:
        """Keep what a failed step left as an image without a name, and tell its id.

        A container of it begins where the step did: its directory, environment and user.
        """
        image_id = await self._parts.tasks.blocking(self._keep, tree, step)
        self._send({"failed": {"image": image_id}})

    def _keep(self, tree: Tree, step: Exec) -> str:
        platform = self._parts.images.platform
        config = ImageConfig(
            architecture=platform.architecture,
            os=platform.os,
            variant=platform.variant,
            created=rfc3339(time.time_ns()),
            config=ExecutionConfig(
                user=step.user or None, env=list(step.env), working_dir=step.cwd or None
            ),
            rootfs=RootFs(type="layers", diff_ids=list(tree.diff_ids)),
        )
        built = Built(platform=platform, config=config, tree=tree)
        target = store_image(self._parts.content, self._lease, [built])
        self._parts.images.put(target, [])
        return str(target.digest)

    # --- what is told

    def _tell(
        self,
        plans: Sequence[Plan],
        target: Descriptor | None,
        progress: ClassicProgress | VertexProgress,
    ) -> None:
        image_id = str(target.digest) if target is not None else ""
        warnings = dict.fromkeys(text for plan in plans for text in plan.warnings)
        if not isinstance(progress, ClassicProgress):
            names = [name.familiar for name in self._request.tags]
            view = {"image": image_id, "names": names, "warnings": list(warnings)}
            self._send({"result": view})
        else:
            progress.finish(image_id)
            if image_id:
                self._send({"aux": {"ID": image_id}})
            for text in warnings:
                self._send({"stream": f"{text}\n"})
            if image_id:
                shown = image_id.removeprefix("sha256:")[:_SHOWN_ID]
                self._send({"stream": f"Successfully built {shown}\n"})
                for name in self._request.tags:
                    self._send({"stream": f"Successfully tagged {name.familiar}\n"})
        if self._request.quiet and image_id:
            self._feed.send({"stream": f"{image_id}\n"})

    # --- to the client, and beyond

    async def _to_client(self, results: Sequence[Built], output: Output) -> None:
        """Send an output's bytes; a message before them says which it is."""
        self._feed.send({"output": {"type": output.kind, "attrs": dict(output.attributes)}})
        chunks = self._parts.tasks.iterate(self._archive(results, output), alone=True)
        async with aclosing(chunks) as pieces:  # type: ignore[type-var]  # a generator
            async for piece in pieces:
                if piece:
                    await self._feed.send_output(piece)
        await self._feed.send_output(b"")

    def _archive(self, results: Sequence[Built], output: Output) -> Iterator[bytes]:
        if output.kind in ("local", "tar"):
            yield from export_files(self._parts.trees, results)
            return
        target = self._stored(results, output)
        names: list[Reference] = list(self._request.tags)
        names += [parse_reference(name).with_default_tag() for name in output.names]
        item = SaveItem(target, read_variants(self._parts.content, target), names)
        yield from save_archive(self._parts.content, [item], docker=output.kind == "docker")

    async def _push(self, output: Output) -> None:
        names = [parse_reference(name).with_default_tag() for name in output.names]
        wanted = [*self._request.tags, *(name for name in names if name not in self._request.tags)]
        if not wanted:
            raise InvalidArgument("there is no name to push by: give one with --tag or name=")
        for name in wanted:
            messages = self._parts.pushing.push(
                name.familiar_name,
                tag=name.tag or "",
                platform="",
                auth=registry_auth(self._request.auth, name),
            )
            async with aclosing(messages) as stream:  # type: ignore[type-var]  # a generator
                async for message in stream:
                    if "aux" not in message:  # in a build's stream that is an image's id
                        self._send(message)
