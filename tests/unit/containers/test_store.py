"""The store: written through, resolved, listed and inspected from caches that are never stale."""

from __future__ import annotations

import json

import pytest

from baleen.api import ContainerConfig, HostConfig
from baleen.containers.record import ContainerRecord
from baleen.containers.state import Status
from baleen.containers.store import ContainerStore
from baleen.containers.times import format_time
from baleen.errors import AlreadyExists, Conflict, DataLoss, InvalidArgument, NotFound
from baleen.state.database import Database

NOW = 1_800_000_000


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def record(number: int, **changes) -> ContainerRecord:
    base = {
        "id": f"{number:064x}",
        "name": f"c{number}",
        "created": format_time((NOW + number) * 10**9),
        "path": "sh",
        "image_id": "sha256:" + "0" * 64,
        "config": ContainerConfig(image="busybox"),
        "host_config": HostConfig(network_mode="bridge"),
    }
    return ContainerRecord(**(base | changes))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "state.db")
    yield database
    database.close()


@pytest.fixture
def store(database, clock):
    return ContainerStore(database, clock=clock)


def names(store, **arguments) -> list[str]:
    body = store.list_json(**({"all": True, "limit": 0, "filters": {}} | arguments))
    return [element["Names"][0][1:] for element in json.loads(body)]


def test_a_record_is_found_by_id_name_and_prefix(store):
    added = record(7)
    store.add(added)
    for reference in (added.id, "c7", "/c7", added.id[:63]):
        assert store.get(reference) is added
    assert store.by_id(added.id) is added
    assert store.by_id("nosuch") is None


def test_everything_is_there_after_a_new_start(store, database):
    store.add(record(1))
    store.move(store.get("c1").id, Status.RUNNING, pid=9)
    store.rename(store.get("c1").id, "renamed")
    store.add(record(2))
    store.remove(store.get("c2").id)
    again = ContainerStore(database)
    again.load()
    assert [found.name for found in again] == ["renamed"]
    assert again.get("renamed").pid == 9
    with pytest.raises(NotFound):
        again.get("c1")


def test_a_damaged_document_is_named(database):
    database.put("containers", "x", b"{}")
    with pytest.raises(DataLoss, match="container x"):
        ContainerStore(database).load()


def test_a_name_is_kept_while_the_container_is_made(store):
    store.names.reserve("c1", "f" * 64)
    with pytest.raises(AlreadyExists):
        store.add(record(1))
    with pytest.raises(NotFound):
        store.get("c1")
    store.names.release("f" * 64)
    store.add(record(1))


def test_moves_are_checked_and_nothing_changes_on_refusal(store):
    store.add(record(1))
    container_id = store.get("c1").id
    with pytest.raises(Conflict):
        store.move(container_id, Status.PAUSED)
    assert store.get("c1").status is Status.CREATED
    with pytest.raises(NotFound):
        store.update("f" * 64, pid=1)


def test_rename_to_a_taken_name_changes_nothing(store):
    store.add(record(1))
    store.add(record(2))
    with pytest.raises(AlreadyExists):
        store.rename(store.get("c1").id, "c2")
    assert store.get("c1").name == "c1"


def test_lists_are_newest_first_and_limited(store):
    for number in (2, 10, 1):
        store.add(record(number))
    assert names(store) == ["c10", "c2", "c1"]
    assert names(store, limit=2) == ["c10", "c2"]
    assert names(store, all=False) == []
    assert names(store, all=False, limit=1) == ["c10"]


def test_only_active_ones_without_all(store):
    for number in range(4):
        store.add(record(number))
    store.move(store.get("c1").id, Status.RUNNING)
    store.move(store.get("c2").id, Status.RUNNING)
    store.move(store.get("c2").id, Status.PAUSED)
    assert names(store, all=False) == ["c2", "c1"]
    assert names(store, all=False, filters={"status": ["created"]}) == ["c3", "c0"]
    assert store.count(Status.RUNNING) == 1
    assert len(store) == 4


def status_of(store) -> str:
    return json.loads(store.list_json(all=True, limit=0, filters={}))[0]["Status"]


def test_a_cached_list_is_never_stale(store, clock):
    store.add(record(0))
    assert status_of(store) == "Created"
    store.move(store.get("c0").id, Status.RUNNING, started_at=format_time(NOW * 10**9))
    assert status_of(store) == "Up Less than a second"
    clock.now += 1
    assert status_of(store) == "Up 1 second"
    clock.now += 120
    assert status_of(store) == "Up 2 minutes"
    store.rename(store.get("c0").id, "other")
    assert names(store) == ["other"]


def test_sizes_are_added_on_request(store):
    store.add(record(0))
    body = store.list_json(all=True, limit=0, filters={}, sizes={record(0).id: (5, 7)})
    (element,) = json.loads(body)
    assert (element["SizeRw"], element["SizeRootFs"]) == (5, 7)
    assert "SizeRw" not in json.loads(store.list_json(all=True, limit=0, filters={}))[0]


def test_inspection_follows_every_change(store):
    store.add(record(0))
    current = store.get("c0")
    assert store.inspect_json(current) is store.inspect_json(current)
    assert json.loads(store.inspect_json(current))["ExecIDs"] is None
    assert json.loads(store.inspect_json(current, exec_ids=["e"]))["ExecIDs"] == ["e"]
    changed = store.update(current.id, pid=5)
    assert json.loads(store.inspect_json(changed))["State"]["Pid"] == 5
    assert json.loads(store.inspect_json(changed, size=(1, 2)))["SizeRootFs"] == 2


def test_image_names_come_from_outside_and_can_be_refreshed(database):
    shown = ["first"]
    store = ContainerStore(database, display_image=lambda _record: shown[0])
    store.add(record(0))
    assert json.loads(store.list_json(all=True, limit=0, filters={}))[0]["Image"] == "first"
    shown[0] = "second"
    store.refresh_summaries()
    assert json.loads(store.list_json(all=True, limit=0, filters={}))[0]["Image"] == "second"


def test_unknown_filters_are_refused(store):
    with pytest.raises(InvalidArgument, match="invalid filter 'nonsense'"):
        store.list_json(all=True, limit=0, filters={"nonsense": ["x"]})


def test_iteration_allows_removal(store):
    for number in range(3):
        store.add(record(number))
    for found in store:
        store.remove(found.id)
    assert len(store) == 0
