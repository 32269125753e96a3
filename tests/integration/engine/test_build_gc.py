"""Rules for the build cache, in a real engine."""

from __future__ import annotations

import pytest
from build_bed import build_bed

__all__ = ["build_bed"]

pytestmark = pytest.mark.integration


def test_rules_take_what_no_image_shares_and_its_layers(build_bed):
    freed, left, gone, kept, default = build_bed.run("""
        from baleen.build.graph import Edge, Exec, ExecMount, FileOp, Vertex, Writing
        from baleen.build.solver.prune import PrunePolicy
        from baleen.engine.build_gc import BuildGc

        def written(name):
            action = Writing(path=f"/{name}", content=name.encode() * 1000)
            return Vertex(FileOp(actions=(action,), scratch=True), name=f"[1/1] {name}")

        async def main(engine, world):
            parts = engine.builds.parts
            targets = [Edge(written(name)) for name in ("one", "two")]
            with engine._content.lease() as lease:
                session = world.session()
                session.lease = lease
                solution = await parts.solver.solve(targets, session, lambda event: None)
            layers = [solution.tree(target).layers[0].digest for target in targets]
            parts.cache.hold(parts.cache.records()[0].id)
            world.lease.digests.clear()
            rules = (PrunePolicy(all=True),)
            gc = BuildGc(parts.cache, parts.images, parts.directory, rules, engine._tasks)
            freed = gc.run()
            held = [record.trees[0].layers[0].digest for record in parts.cache.records()]
            default = BuildGc(parts.cache, parts.images, parts.directory, (), engine._tasks).run()
            return [
                freed, len(held),
                [engine._content.has(digest) for digest in layers if digest not in held],
                [engine._content.has(digest) for digest in held], default,
            ]
    """)
    assert freed > 3000
    assert left == 1
    assert gone == [False]
    assert kept == [True]
    assert default == 0
