from __future__ import annotations

from baleen.build import events
from baleen.build.graph import Exec, ExecMount, FileOp, ImageSource, Vertex
from baleen.build.plan import Step
from baleen.build.progress import ClassicProgress
from baleen.build.trees import Tree

BASE = Vertex(ImageSource(name="docker.io/library/b@sha256:" + "a" * 64, platform="linux/amd64"))
ROOT = ExecMount(kind="bind", target="/", input=0, output=0)


def run(text: str) -> Vertex:
    return Vertex(Exec(args=("sh", "-c", text), mounts=(ROOT,)))


def step(number: int, text: str, vertex: Vertex | None = None, stage: int = 0) -> Step:
    return Step(number=number, text=text, stage=stage, vertex=vertex, id=f"{number:064x}")


class Told:
    def __init__(self, *steps: Step, remove: bool = True) -> None:
        self.messages: list[dict] = []
        self.progress = ClassicProgress(self.messages.append, build_id="x", remove=remove)
        self.progress.begin(steps)

    @property
    def text(self) -> str:
        return "".join(str(message.get("stream", "")) for message in self.messages)

    def done(self, vertex: Vertex, *, cached: bool = False) -> None:
        self.progress(events.Started(vertex, 0))
        kind = events.Cached if cached else events.Completed
        self.progress(kind(vertex, 1, (Tree(),)))


def test_steps_are_told_in_the_order_of_the_dockerfile():
    first, second = run("one"), run("two")
    told = Told(step(1, "FROM b", BASE), step(2, "RUN one", first), step(3, "RUN two", second))
    told.progress(events.Started(second, 0))
    told.progress(events.Log(second, 0, 1, b"of two\n"))
    assert "of two" not in told.text
    told.done(BASE)
    told.progress(events.Started(first, 0))
    told.progress(events.Log(first, 0, 1, b"of one\n"))
    assert told.text.endswith("of one\n")
    told.progress(events.Completed(first, 1, (Tree(),)))
    told.progress(events.Completed(second, 1, (Tree(),)))
    told.progress.finish("sha256:" + "f" * 64)
    lines = told.text.splitlines()
    assert lines[0] == "Step 1/3 : FROM b"
    assert lines[1] == " ---> aaaaaaaaaaaa"
    assert lines.index("of one") < lines.index("Step 3/3 : RUN two") < lines.index("of two")
    assert lines[-1] == " ---> ffffffffffff"
    assert sum("Removed intermediate container" in line for line in lines) == 2


def test_what_the_cache_had_is_told_so_and_ids_stay():
    def once() -> str:
        command = run("x")
        told = Told(step(1, "FROM b", BASE), step(2, "ENV A=1"), step(3, "RUN x", command))
        told.done(BASE)
        told.done(command, cached=True)
        told.progress.finish("sha256:" + "e" * 64)
        return told.text

    text = once()
    assert text.count(" ---> Using cache\n") == 2
    assert "Running in" not in text
    assert once() == text


def test_a_failure_of_a_later_step_is_told_with_its_output():
    first, second = run("slow"), run("bad")
    told = Told(step(1, "RUN slow", first), step(2, "FROM b", BASE), step(3, "RUN bad", second))
    told.progress(events.Started(first, 0))
    told.progress(events.Started(second, 0))
    told.progress(events.Log(second, 0, 2, b"why\n"))
    told.progress(events.Failed(second, 1, RuntimeError("x")))
    told.progress.fail()
    assert told.text.index("RUN slow") < told.text.index("Step 3/3 : RUN bad")
    assert told.text.endswith("\x1b[91mwhy\n\x1b[0m")


def test_output_is_not_kept_without_bound():
    first, second = run("a"), run("b")
    told = Told(step(1, "RUN a", first), step(2, "RUN b", second))
    told.progress(events.Started(second, 0))
    for _ in range(100):
        told.progress(events.Log(second, 0, 1, b"x" * (1 << 16)))
    told.done(first)
    assert "output clipped" in told.text
    assert len(told.text) < 3 << 20


def test_characters_that_come_in_two_parts_are_whole():
    command = run("x")
    told = Told(step(1, "RUN x", command))
    told.progress(events.Started(command, 0))
    for byte in "é\n".encode():
        told.progress(events.Log(command, 0, 1, bytes((byte,))))
    assert "é\n" in told.text


def test_equal_steps_of_two_stages_are_told_once_with_their_output():
    copy = Vertex(FileOp(actions=(), scratch=True))
    told = Told(step(1, "COPY a /", copy), step(2, "COPY a /", copy, 1), step(3, "CMD x"))
    told.done(copy)
    told.progress.finish("")
    assert told.text.count("Step") == 3
    assert told.text.count(" ---> ") >= 3


def test_nothing_is_removed_where_that_was_not_asked():
    command = run("x")
    told = Told(step(1, "RUN x", command), step(2, "CMD y"), remove=False)
    told.done(command)
    told.progress.finish("sha256:" + "1" * 64)
    assert "Running in" in told.text
    assert "Removed" not in told.text
