"""A build does what its target needs, once, in parallel, and nothing that the cache has."""

from __future__ import annotations

import asyncio

import pytest
from solver_bed import Bed, Events, context, copy, image, run, until

from baleen.build.graph import Edge, ExecMount, HttpSource, LocalSource, Merge, Vertex
from baleen.errors import Internal, InvalidArgument, NotFound, PermissionDenied


async def test_a_chain_is_run_in_order_and_found_again(bed):
    target = run("two", run("one", image()))
    events = Events()
    solution, ran = await bed.build(target, observer=events)
    assert ran == ["RUN one", "RUN two"]
    assert len(solution.tree(Edge(target)).layers) == 3
    assert events.named("RUN one") == ["Started", "Log", "Log", "Completed"]
    again = Events()
    second, ran = await bed.build(target, observer=again)
    assert ran == []
    assert second.tree(Edge(target)) == solution.tree(Edge(target))
    assert second.created_ns(Edge(target)) == solution.created_ns(Edge(target))
    assert again.named("RUN two") == ["Started", "Cached"]
    assert second.verdict(target).hit
    assert solution.verdict(target).hit is False


async def test_a_restart_forgets_nothing(bed):
    target = run("one", image())
    await bed.build(target)
    bed.start()
    _, ran = await bed.build(target)
    assert ran == []


async def test_another_base_text_or_variable_is_a_miss(bed):
    await bed.build(run("one", image("a"), env=["A=1"]))
    for other in (
        run("one", image("b"), env=["A=1"]),
        run("two", image("a"), env=["A=1"]),
        run("one", image("a"), env=["A=2"]),
    ):
        _, ran = await bed.build(other)
        assert len(ran) == 1, other.name


async def test_no_cache_runs_all_the_same_and_its_result_is_found_later(bed):
    await bed.build(run("one", image()))
    bed.layers.salt = "new"
    solution, ran = await bed.build(run("one", image(), ignore_cache=True))
    assert ran == ["RUN one"]
    later, ran = await bed.build(run("one", image()))
    assert ran == []
    assert later.outcomes != {}
    target = run("one", image())
    assert later.tree(Edge(target)) == solution.tree(Edge(target))


async def test_of_a_context_only_what_is_copied_matters(bed):
    def build(files, name):
        target = copy("/a", image(), context(name))
        return bed.build(target, name=name, context=files)

    await build({"/a": "1", "/b": "1"}, "one")
    _, ran = await build({"/a": "1", "/b": "2"}, "two")
    assert ran == []
    _, ran = await build({"/a": "2", "/b": "2"}, "three")
    assert ran == ["COPY /a"]
    assert ("/b",) not in bed.files.asked


async def test_a_copy_from_a_stage_that_was_made_anew_is_found_when_the_file_is_the_same(bed):
    bed.files.known["tree"] = {"/app": "same"}

    def target(text):
        return copy("/app", image(), run(text, image("builder")))

    await bed.build(target("make"))
    _, ran = await bed.build(target("make again"))
    assert ran == ["RUN make again"]


async def test_independent_steps_run_at_the_same_time(bed):
    bed.layers.gates = {"RUN a": asyncio.Event(), "RUN b": asyncio.Event()}
    target = Vertex(Merge(), (Edge(run("a", image())), Edge(run("b", image()))), name="merge")
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        build = group.create_task(bed.build(target))
        for name in ("RUN a", "RUN b"):
            await bed.layers.begun.setdefault(name, asyncio.Event()).wait()
        for gate in bed.layers.gates.values():
            gate.set()
    assert sorted(build.result()[1][:2]) == ["RUN a", "RUN b"]


async def test_no_more_run_than_allowed(tmp_path):
    bed = Bed(tmp_path, parallel=2)
    steps = [run(str(number), image()) for number in range(8)]
    await bed.build(*steps)
    assert bed.layers.most == 2
    assert len(bed.layers.ran) == 8
    bed.database.close()


async def test_equal_steps_of_one_build_run_once(bed):
    first, second = run("same", image()), run("same", image())
    _, ran = await bed.build(run("x", first), run("y", second))
    assert ran.count("RUN same") == 1


async def test_builds_at_the_same_time_share_a_run_and_its_output(bed):
    gate = bed.layers.gates["RUN slow"] = asyncio.Event()
    begun = bed.layers.begun["RUN slow"] = asyncio.Event()
    one, two = Events(), Events()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        first = group.create_task(bed.build(run("slow", image()), name="one", observer=one))
        await begun.wait()
        second = group.create_task(bed.build(run("slow", image()), name="two", observer=two))
        await until(lambda: two.log("RUN slow"))
        gate.set()
    assert bed.layers.ran == ["RUN slow"]
    assert one.log("RUN slow") == two.log("RUN slow") == b"RUN slow runs\nRUN slow is done\n"
    edge = Edge(run("slow", image()))
    assert first.result()[0].tree(edge) == second.result()[0].tree(edge)
    assert len(bed.solver.flights) == 0


@pytest.mark.parametrize("leaver", ["first", "second"])
async def test_a_build_that_leaves_does_not_end_what_another_waits_for(bed, leaver):
    gate = bed.layers.gates["RUN slow"] = asyncio.Event()
    begun = bed.layers.begun["RUN slow"] = asyncio.Event()
    two = Events()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        first = group.create_task(bed.build(run("slow", image()), name="one"))
        await begun.wait()
        second = group.create_task(bed.build(run("slow", image()), name="two", observer=two))
        await until(lambda: two.log("RUN slow"))
        gone, stays = (first, second) if leaver == "first" else (second, first)
        gone.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        # The first one's context and lease are in use as long as the run is.
        assert gone.done() == (leaver == "second")
        gate.set()
    assert gone.cancelled()
    assert stays.result()[0].outcomes
    assert bed.layers.ran == ["RUN slow"]


async def test_the_last_to_leave_ends_the_run(bed):
    bed.layers.gates["RUN slow"] = asyncio.Event()
    begun = bed.layers.begun["RUN slow"] = asyncio.Event()
    events = Events()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        build = group.create_task(bed.build(run("slow", image()), observer=events))
        await begun.wait()
        build.cancel()
    assert build.cancelled()
    assert bed.layers.running == 0
    assert events.named("RUN slow")[-1] == "Cancelled"
    assert len(bed.solver.flights) == 0
    assert not any(bed.cache.is_in_use(record.id) for record in bed.cache.records())


async def test_a_run_that_uses_a_secret_is_not_shared(bed):
    secret = ExecMount(kind="secret", target="/run/secrets/a", id="a")
    gate = bed.layers.gates["RUN slow"] = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            group.create_task(bed.build(run("slow", image(), mounts=[secret]), name=name))
        await until(lambda: not (bed.layers.running < 2))
        gate.set()
    assert bed.layers.ran == ["RUN slow", "RUN slow"]


async def test_a_failure_ends_the_others_and_names_the_step(bed):
    bed.layers.gates["RUN slow"] = asyncio.Event()
    bed.layers.failures["RUN bad"] = NotFound("no such thing")
    events = Events()
    target = Vertex(
        Merge(), (Edge(run("slow", image())), Edge(run("bad", image(), place=7))), name="merge"
    )
    with pytest.raises(NotFound, match=r"^no such thing$") as caught:
        await bed.build(target, observer=events)
    assert caught.value.details == {"step": "RUN bad", "line": "7"}
    assert events.named("RUN bad")[-1] == "Failed"
    assert events.named("RUN slow")[-1] == "Cancelled"
    assert events.named("merge") == []
    assert bed.layers.running == 0


async def test_a_failure_is_not_remembered(bed):
    bed.layers.failures["RUN bad"] = NotFound("no such thing")
    with pytest.raises(NotFound):
        await bed.build(run("bad", image()))
    bed.layers.failures.clear()
    _, ran = await bed.build(run("bad", image()))
    assert ran == ["RUN bad"]


async def test_a_bug_of_an_executor_is_an_error_of_the_step(bed):
    bed.layers.failures["RUN bad"] = ZeroDivisionError("division by zero")
    with pytest.raises(Internal, match="RUN bad: ZeroDivisionError: division by zero"):
        await bed.build(run("bad", image()))


async def test_layers_that_are_gone_or_damaged_are_a_miss(bed):
    target = run("one", image())
    solution, _ = await bed.build(target)
    layer = solution.tree(Edge(target)).layers[-1]
    for damage in ("removed", "cut"):
        path = bed.content.path(layer.digest)
        path.unlink() if damage == "removed" else path.write_bytes(b"")
        bed.start()
        _, ran = await bed.build(target)
        assert ran == ["RUN one"], damage
        assert len(bed.cache.records()) == 1
        assert bed.content.size(layer.digest) == layer.size


async def test_what_was_found_is_leased_and_in_use_while_the_build_runs(bed):
    target = run("two", run("one", image()))
    await bed.build(target)
    gate = bed.layers.gates["RUN three"] = asyncio.Event()
    begun = bed.layers.begun["RUN three"] = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(bed.build(run("three", target)))
        await begun.wait()
        assert all(bed.cache.is_in_use(record.id) for record in bed.cache.records())
        bed.content.collect(lambda: ())
        gate.set()
    assert not any(bed.cache.is_in_use(record.id) for record in bed.cache.records())
    layers = {layer.digest for record in bed.cache.records() for layer in record.trees[0].layers}
    assert all(bed.content.has(digest) for digest in layers)


async def test_what_a_url_gives_is_asked_each_time(bed):
    source = Vertex(HttpSource(url="http://a/b", filename="b"), name="http")
    target = copy("/b", image(), source)
    _, ran = await bed.build(target)
    assert ran == ["http", "COPY /b"]
    _, ran = await bed.build(target)
    assert ran == ["http"]
    bed.layers.salt = "other"
    _, ran = await bed.build(target)
    assert ran == ["http", "COPY /b"]


async def test_what_a_checksum_names_is_fetched_once(bed):
    fixed = HttpSource(url="http://a/b", filename="b", checksum="sha256:" + "0" * 64)
    await bed.build(Vertex(fixed, name="http"))
    _, ran = await bed.build(Vertex(fixed, name="http"))
    assert ran == []


async def test_a_directory_that_did_not_come_is_an_error(bed):
    with pytest.raises(InvalidArgument, match='no directory "context" came with the build'):
        await bed.build(copy("/a", image(), context()))


async def test_a_context_is_no_result(bed):
    solution, _ = await bed.build(context(), context={})
    with pytest.raises(InvalidArgument, match="has no layers"):
        solution.tree(Edge(Vertex(LocalSource(name="context", unique="one"))))
    assert solution.tree(None).layers == ()
    assert solution.created_ns(None) == 0


async def test_rights_that_the_build_has_not_are_refused_before_anything_runs(bed):
    mount = ExecMount(kind="bind", target="/", input=0, output=0)
    op = run("one", image()).op
    insecure = Vertex(
        type(op)(args=op.args, mounts=(mount,), security="insecure"), (Edge(run("first", image())),)
    )
    with pytest.raises(PermissionDenied, match=r"security\.insecure is not allowed"):
        await bed.build(insecure)
    assert bed.layers.ran == []
    _, ran = await bed.build(insecure, entitlements=frozenset({"security.insecure"}))
    assert ran == ["RUN first", ""]


async def test_time_of_sources_is_part_of_the_key(bed):
    await bed.build(run("one", image()))
    _, ran = await bed.build(run("one", image()), epoch_ns=0)
    assert ran == ["RUN one"]


async def test_a_miss_says_which_file_has_changed(bed):
    def build(files, name):
        return bed.build(
            copy("/", image(), context(name), name="[2/3] COPY . ."),
            name=name,
            context=files,
            why=True,
        )

    first, _ = await build({"/src/a.c": "1", "/src/b.c": "1"}, "one")
    assert [found.reason for found in verdicts(first)] == ["no step like this one is in the cache"]
    second, _ = await build({"/src/a.c": "2", "/src/b.c": "1", "/new": "1"}, "two")
    (verdict,) = verdicts(second)
    assert verdict.nearest == "[2/3] COPY . ."
    assert [(found.kind, found.subject, found.before) for found in verdict.changes] == [
        ("file", "/new", ""),
        ("file", "/src/a.c", "31"),
    ]


async def test_a_miss_says_which_variable_or_text_has_changed(bed):
    await bed.build(run("make", image(), env=["A=1", "B=1"], name="[2/2] RUN make"))
    other = run("make", image(), env=["A=1", "B=2"], name="[2/2] RUN make")
    solution, _ = await bed.build(other, why=True)
    verdict = solution.verdict(other)
    assert verdict.reason == "variable B changed"
    assert [(found.kind, found.subject) for found in verdict.changes] == [("environment", "B")]
    other = run("make all", image(), env=["A=1", "B=2"], name="[2/2] RUN make all")
    solution, _ = await bed.build(other, why=True)
    change = solution.verdict(other).changes[0]
    assert (change.kind, change.before, change.after) == (
        "instruction",
        "/bin/sh -c make",
        "/bin/sh -c make all",
    )


async def test_a_deep_graph_is_no_trouble(bed):
    target = context()
    for number in range(3000):
        target = copy("/a", image(), target, name=str(number))
    bed.layers.failures["0"] = NotFound("stops here")
    with pytest.raises(NotFound):
        await bed.build(target, context={"/a": ""})
    assert bed.layers.ran == ["0"]


def verdicts(solution):
    return [
        outcome.verdict for outcome in solution.outcomes.values() if outcome.verdict is not None
    ]
