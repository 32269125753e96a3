"""B05: sources of `RUN --mount` stay in their tree, ids of caches are no paths."""

from __future__ import annotations

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


def test_a_link_in_a_source_leads_nowhere_else(build_bed, tmp_path):  # noqa: F811
    (tmp_path / "secret").write_text("of the host")
    found = build_bed.run(
        """
        from pathlib import Path
        from baleen.build.graph import ExecMount as M
        from baleen.build.session import LocalDirectory

        async def main(engine, world):
            outside = world.facts["outside"]
            (evil,) = await world.step(
                f"ln -s / /root-of-it; ln -s {outside} /out; ln -s ../../../../../../.. /up; "
                f"ln -s {outside}/secret /file; ln -s /proc/self/root /magic; mkfifo /fifo")
            context = Path(world.facts["context"])
            context.mkdir()
            (context / "out").symlink_to(outside)
            (context / "up").symlink_to("../" * 20)
            seen = []
            for source in ("/root-of-it", "/up", "/out", "/file", "/magic", "/fifo",
                           "../../../../..", "/up" + outside):
                for readonly in (True, False):
                    mount = M(kind="bind", target="/m", input=1, source=source, readonly=readonly)
                    try:
                        await world.step("ls -a /m; cat /m/secret /m; true", mount, inputs=[evil])
                        text = world.last.out.decode()
                    except Exception as err:
                        text = type(err).__name__
                    seen.append([source, text])
            for source in ("/out", "/up" + outside, "/up"):
                mount = M(kind="bind", target="/m", input=1, source=source, readonly=True)
                try:
                    await world.step("ls -a /m; cat /m/secret; true", mount,
                        inputs=[LocalDirectory(context)])
                    text = world.last.out.decode()
                except Exception as err:
                    text = type(err).__name__
                seen.append(["context" + source, text])
                cache = M(kind="cache", target="/m", input=1, source=source, cache_id=source)
                try:
                    await world.step("ls -a /m; cat /m/secret; true", cache,
                        inputs=[LocalDirectory(context)])
                    text = world.last.out.decode()
                except Exception as err:
                    text = type(err).__name__
                seen.append(["cache" + source, text])
            return seen
        """,
        outside=str(tmp_path),
        context=str(tmp_path / "context"),
    )
    seen = dict(found)
    assert not [text for text in seen.values() if "of the host" in text]
    assert "root-of-it" in seen["/root-of-it"]
    assert "root-of-it" in seen["/up"]
    for source in ("/out", "/file", "/magic", "/fifo"):
        assert seen[source] == "NotFound", source
    assert seen["context/out"] == seen["cache/out"] == "NotFound"
    assert build_bed.left() == []


def test_an_id_of_a_cache_is_no_path(build_bed):  # noqa: F811
    found = build_bed.run(
        """
        from pathlib import Path
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            ids = ("../../../etc", "/etc", "..", ".", "a/b", "x" * 5000, "\\ud800".encode("utf-8",
                   "surrogatepass").decode("utf-8", "replace"), "a\\nb", "")
            for number, name in enumerate(ids):
                await world.step(f"test ! -e /c/mark; echo {number} > /c/mark",
                    M(kind="cache", target="/c", cache_id=name))
            caches = engine.config.data_root / "build" / "caches"
            return [sorted(len(p.name) for p in caches.iterdir()),
                    sorted(p.name for p in caches.parent.iterdir()), len(ids),
                    [u.id[:12] for u in world.caches.usage()]]
    """,
        root="ids",
    )
    assert found[0] == [32] * found[2]
    assert "etc" not in found[1]
    assert "../../../etc" in found[3]


def test_nothing_that_is_mounted_comes_back_to_the_host(build_bed):  # noqa: F811
    """Propagation cannot be asked for, and there is none: not even with all rights."""
    found = build_bed.run("""
        from pathlib import Path
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            session = world.session(entitlements=frozenset({"security.insecure"}))
            await world.step(
                "mount -t tmpfs leaked /c && mount -t tmpfs leaked /b/etc && "
                "grep -c leaked /proc/mounts; "
                "grep -E ' (shared|master):' /proc/self/mountinfo; true",
                M(kind="cache", target="/c"), M(kind="bind", target="/b", input=1),
                inputs=[world.base], session=session, security="insecure")
            return [world.last.out.decode(), "leaked" in Path("/proc/mounts").read_text()]
    """)
    assert found[0].startswith("2\n")
    assert found[1] is False
    assert build_bed.left() == []
