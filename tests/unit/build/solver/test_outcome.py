"""Results by vertex."""

from __future__ import annotations

from pathlib import Path

import pytest
from solver_bed import context, image, run

from baleen.build.graph import Edge
from baleen.build.session import LocalDirectory
from baleen.build.solver.outcome import Outcome, Solution
from baleen.build.solver.why import Verdict
from baleen.build.trees import EMPTY, Tree
from baleen.errors import InvalidArgument
from baleen.oci.digest import Digest

TREE = Tree((), (Digest.of(b"x"),))


def test_an_edge_has_the_tree_of_its_output():
    vertex, verdict = run("x", image()), Verdict(hit=True)
    solution = Solution({vertex.digest: Outcome((EMPTY, TREE), 5, verdict)})
    assert solution.tree(Edge(run("x", image()), 1)) == TREE
    assert solution.tree(None) == EMPTY
    assert solution.created_ns(Edge(vertex)) == 5
    assert solution.created_ns(None) == 0
    assert solution.verdict(vertex) is verdict
    assert solution.verdict(run("y", image())) is None


def test_a_context_is_no_tree():
    outcome = Outcome((LocalDirectory(Path("/x")), TREE), 1)
    assert outcome.trees == (TREE,)
    with pytest.raises(InvalidArgument, match="has no layers"):
        Solution({context().digest: outcome}).tree(Edge(context()))
