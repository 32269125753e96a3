"""The executors and readers that there are have the methods that the solver calls."""

from __future__ import annotations

import inspect

import pytest

from baleen.build.exec.executor import Execs
from baleen.build.files.contents import ContentDigests
from baleen.build.files.file_ops import FileOps
from baleen.build.files.merging import Merges
from baleen.build.interfaces import ContentsReader, Executor


@pytest.mark.parametrize(
    ("kind", "protocol", "method"),
    [
        (Execs, Executor, "run"),
        (FileOps, Executor, "run"),
        (Merges, Executor, "run"),
        (ContentDigests, ContentsReader, "contents"),
    ],
)
def test_signatures(kind, protocol, method):
    def names(of):
        return list(inspect.signature(getattr(of, method)).parameters)

    assert names(kind) == names(protocol)
    assert inspect.iscoroutinefunction(getattr(kind, method))
