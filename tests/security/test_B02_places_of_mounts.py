"""B02: what was made to mount on is removed without following what the step put in its way."""

from __future__ import annotations

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration

SCRIPT = """
    from baleen.build.graph import ExecMount as M

    async def main(engine, world):
        canary = world.facts["canary"]
        seen = []
        for command in (
            # The parent of the place becomes a link to the host's directory of that name.
            f"mv /x /gone 2>/dev/null || true; ln -sfn {canary} /x",
            f"rm -rf /x 2>/dev/null; ln -s {canary} /x",
            "mkdir /new; mount --move /x/y /new 2>/dev/null; umount /x/y; rm -rf /x; "
            f"ln -s {canary} /x",
            f"(sleep 0.05; rm -rf /x; ln -s {canary} /x) & true",
        ):
            for kind in ("tmpfs", "cache", "bind"):
                session = world.session(entitlements=frozenset({"security.insecure"}))
                for security in ("sandbox", "insecure"):
                    (tree,) = await world.step(
                        command + "; true", M(kind=kind, target="/x/y"),
                        session=session, security=security)
                    seen.append(world.names(tree))
        return seen
"""


@pytest.mark.parametrize("driver", ["", "vfs"])
def test_the_canary_stays(build_bed, tmp_path, driver):  # noqa: F811
    canary = tmp_path / "canary"
    (canary / "y").mkdir(parents=True)
    (canary / "file").write_text("1")
    seen = build_bed.run(SCRIPT, canary=str(canary), driver=driver, root=driver or ".")
    assert sorted(path.name for path in canary.iterdir()) == ["file", "y"]
    # The mount point is in no layer, unless the step has copied it somewhere itself.
    assert not [names for names in seen if "x/y" in names]
    assert build_bed.left() == []


def test_a_step_cannot_lead_a_mount_out_of_its_root(build_bed, tmp_path):  # noqa: F811
    canary = tmp_path / "canary"
    canary.mkdir()
    build_bed.run(
        """
        from baleen.build.graph import ExecMount as M

        async def main(engine, world):
            canary = world.facts["canary"]
            (tree,) = await world.step(f"ln -s {canary} /a; ln -s ../../../../../{canary} /b")
            for target in ("/a/m", "/b/m"):
                await world.step(f"mkdir {target}/made; echo 1 > {target}/file",
                    M(kind="tmpfs", target=target), tree=tree)
            (ring,) = await world.step("ln -s /q /p; ln -s /p /q; echo > /f")
            return [await world.fails("true", M(kind="tmpfs", target=t), tree=ring)
                    for t in ("/p/m", "/f/m", "/f")]
        """,
        canary=str(canary),
    )
    assert list(canary.iterdir()) == []
