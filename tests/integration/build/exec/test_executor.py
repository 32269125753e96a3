"""RUN, with a real engine, zygote, and kernel."""

import pytest
from build_bed import build_bed  # noqa: F401  # a fixture

pytestmark = pytest.mark.integration


def test_a_command_changes_the_tree(build_bed):
    found = build_bed.run("""
        async def main(engine, world):
            (tree,) = await world.step("echo hi; echo bad >&2; id -u; echo x > /made; rm /etc/passwd")
            names = world.names(tree)
            (after,) = await world.step("cat /made", tree=tree)
            return [names, world.last.out.decode(), world.names(after)]
    """)
    assert found == [["etc", "etc/.wh.passwd", "made"], "x\n", []]
    assert build_bed.left() == []
