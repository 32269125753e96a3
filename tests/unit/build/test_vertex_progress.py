from __future__ import annotations

from baleen.build import events
from baleen.build.graph import Edge, FileOp, Vertex
from baleen.build.solver.why import Change, Verdict
from baleen.build.vertex_progress import VertexProgress

BELOW = Vertex(FileOp(actions=(), scratch=True), name="below")
TOP = Vertex(FileOp(actions=()), inputs=(Edge(BELOW),), name="top", place=3)


def test_all_vertices_come_first_then_what_happens_to_them():
    sent: list[dict] = []
    progress = VertexProgress(sent.append)
    progress.begin([Edge(TOP), Edge(BELOW)])
    assert [message["vertex"]["name"] for message in sent] == ["below", "top"]
    assert sent[1]["vertex"]["inputs"] == [BELOW.digest]
    assert sent[1]["vertex"]["line"] == 3
    del sent[:]
    progress(events.Started(TOP, 5))
    progress(events.Log(TOP, 6, 1, b"\xc3"))
    progress(events.Log(TOP, 6, 1, b"\xa9"))
    progress(events.Status(TOP, 6, "busy"))
    verdict = Verdict(hit=False, reason="changed", changes=(Change("file", "a", "1", "2"),))
    progress(events.Completed(TOP, 9, (), verdict))
    progress(events.Failed(BELOW, 9, RuntimeError("no")))
    progress(events.Cancelled(BELOW, 9))
    assert sent[0]["vertex"] == {"digest": TOP.digest, "state": "started", "time": 5}
    assert sent[1]["log"]["data"] + sent[2]["log"]["data"] == "é"
    assert sent[3]["status"]["text"] == "busy"
    assert sent[4]["vertex"]["verdict"]["changes"][0]["subject"] == "a"
    assert sent[5]["vertex"]["error"] == "no"
    assert sent[6]["vertex"]["state"] == "cancelled"
