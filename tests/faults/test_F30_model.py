"""F30: everything at once on 20 containers by 32 clients, checked against a model.

Each client picks a container and an operation at random. What it gets must be an answer that the
state machine of containers allows, in bounded time; what inspect shows must be a legal state at
every moment. Then, with the clients done, one walk with the same operations goes step by step
beside a model that knows the state exactly (what 32 clients do at once has no single order).

BALEEN_F30_SECONDS makes the first part longer (600 is the ten minutes of the case).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time

import pytest
from bed import wait_until

SECONDS = float(os.environ.get("BALEEN_F30_SECONDS", "6"))
SEED = int(os.environ.get("BALEEN_F30_SEED", "20261124"))

pytestmark = [pytest.mark.integration, pytest.mark.timeout(SECONDS + 120)]

CONTAINERS, CLIENTS = 20, 32
SLOWEST_S = 30.0
STATES = {"created", "running", "paused", "restarting", "exited", "removing", "dead"}
BODY = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "none"}}

# Operation: method, path with {name}, body, and every status that some state allows.
OPERATIONS = {
    "create": ("POST", "/containers/create?name={name}", BODY, {201, 409}),
    "start": ("POST", "/containers/{name}/start", None, {204, 304, 404, 409}),
    "stop": ("POST", "/containers/{name}/stop?t=0", None, {204, 304, 404, 409}),
    "kill": ("POST", "/containers/{name}/kill", None, {204, 404, 409}),
    "restart": ("POST", "/containers/{name}/restart?t=0", None, {204, 404, 409}),
    "pause": ("POST", "/containers/{name}/pause", None, {204, 404, 409}),
    "unpause": ("POST", "/containers/{name}/unpause", None, {204, 404, 409}),
    "remove": ("DELETE", "/containers/{name}", None, {204, 404, 409}),
    "force": ("DELETE", "/containers/{name}?force=1", None, {204, 404, 409}),
    "rename": ("POST", "/containers/{name}/rename?name={other}", None, {204, 400, 404, 409}),
    "update": ("POST", "/containers/{name}/update", {"Memory": 64 << 20, "MemorySwap": -1},
               {200, 404, 409}),
    "exec": ("POST", "/containers/{name}/exec", {"Cmd": ["true"]}, {201, 404, 409}),
    "inspect": ("GET", "/containers/{name}/json", None, {200, 404}),
    "top": ("GET", "/containers/{name}/top", None, {200, 404, 409}),
    "stats": ("GET", "/containers/{name}/stats?stream=0&one-shot=1", None, {200, 404, 409}),
    "logs": ("GET", "/containers/{name}/logs?stdout=1", None, {200, 404}),
    "changes": ("GET", "/containers/{name}/changes", None, {200, 404, 409}),
    "commit": ("POST", "/commit?container={name}&repo=f30", None, {201, 404, 409, 501}),
}  # fmt: skip


def ask(engine, operation: str, name: str, other: str = ""):
    method, path, body, allowed = OPERATIONS[operation]
    started = time.monotonic()
    answer = engine.api(method, path.format(name=name, other=other), body, timeout_s=SLOWEST_S)
    taken = time.monotonic() - started
    assert taken < SLOWEST_S, (operation, taken)
    assert answer.status in allowed, (operation, name, answer)
    return answer


def run_exec(engine, answer) -> None:
    path = f"/exec/{answer.json()['Id']}/start"
    started = engine.api("POST", path, {"Detach": True}, timeout_s=SLOWEST_S)
    # The container may have been stopped or paused, or be gone with its execs.
    assert started.status in (200, 404, 409), started


def test_32_clients_get_legal_answers(engine):
    names = [f"m{number}" for number in range(CONTAINERS)]
    deadline = time.monotonic() + SECONDS
    failures: list[BaseException] = []
    counts = dict.fromkeys(OPERATIONS, 0)

    def client(number: int) -> None:
        choice = random.Random(SEED + number)
        try:
            while time.monotonic() < deadline and not failures:
                operation = choice.choice([*OPERATIONS, "create", "start", "start", "exec"])
                name, other = choice.choice(names), choice.choice(names)
                answer = ask(engine, operation, name, other)
                counts[operation] += 1
                if operation == "exec" and answer.status == 201:
                    run_exec(engine, answer)
                if operation == "inspect" and answer.status == 200:
                    check_state(answer.json()["State"])
        except BaseException as err:  # raised by the test's own thread
            failures.append(err)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        # An exec that meets a pause waits in the frozen group, and nobody else thaws it at the end.
        while thread.is_alive():
            thread.join(0.5)
            if time.monotonic() > deadline:
                for name in names:
                    engine.api("POST", f"/containers/{name}/unpause", timeout_s=SLOWEST_S)
    if failures:
        raise failures[0]
    assert min(counts.values()) > 0, counts
    for item in engine.api("GET", "/containers/json?all=1").json():
        state = engine.inspect(item["Id"])["State"]
        check_state(state)
        assert state["Status"] not in ("removing", "dead", "restarting")
        assert os.path.exists(f"/proc/{state['Pid']}") == bool(state["Running"])
        assert engine.api("DELETE", f"/containers/{item['Id']}?force=1").status == 204
    assert engine.api("GET", "/containers/json?all=1").json() == []


def check_state(state) -> None:
    """Whatever the moment: the words and numbers of one state fit each other."""
    status = state["Status"]
    assert status in STATES
    assert state["Running"] == (status in ("running", "paused")) or status == "restarting", state
    assert state["Paused"] == (status == "paused"), state
    assert (state["Pid"] > 0) == bool(state["Running"]) or status == "restarting", state


# --- step by step, beside a model ----------------------------------------------------------------


class Model:
    """What a container is: "absent", "created", "running", "paused" or "exited"."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def status_of(self, operation: str, name: str, other: str) -> int:
        """Return the status that the operation has to have, and take its step."""
        state = self.states.get(name, "absent")
        if operation == "create":
            if state != "absent":
                return 409
            self.states[name] = "created"
            return 201
        if state == "absent":
            return 404
        return getattr(self, f"_{operation}")(name, state, other)

    def _set(self, name: str, state: str, status: int = 204) -> int:
        self.states[name] = state
        return status

    def _start(self, name: str, state: str, _: str) -> int:
        if state == "paused":
            return 409
        return 304 if state == "running" else self._set(name, "running")

    def _stop(self, name: str, state: str, _: str) -> int:
        return self._set(name, "exited") if state in ("running", "paused") else 304

    def _kill(self, name: str, state: str, _: str) -> int:
        return self._set(name, "exited") if state in ("running", "paused") else 409

    def _restart(self, name: str, _state: str, _: str) -> int:
        return self._set(name, "running")

    def _pause(self, name: str, state: str, _: str) -> int:
        return self._set(name, "paused") if state == "running" else 409

    def _unpause(self, name: str, state: str, _: str) -> int:
        return self._set(name, "running") if state == "paused" else 409

    def _remove(self, name: str, state: str, _: str) -> int:
        if state in ("running", "paused"):
            return 409
        del self.states[name]
        return 204

    def _force(self, name: str, _state: str, _: str) -> int:
        del self.states[name]
        return 204

    def _rename(self, name: str, state: str, other: str) -> int:
        if other in self.states:
            return 409 if other != name else 400
        del self.states[name]
        return self._set(other, state)

    def _exec(self, _name: str, state: str, _: str) -> int:
        return 201 if state == "running" else 409

    def _update(self, *_: str) -> int:
        return 200

    def _inspect(self, *_: str) -> int:
        return 200


def test_one_client_gets_exactly_what_the_model_says(engine):
    choice = random.Random(SEED)
    model, names = Model(), [f"w{number}" for number in range(4)]
    known = ["create", "inspect", "exec", "update", "rename"]
    known += ["start", "stop", "kill", "restart", "pause", "unpause", "remove", "force"]
    trail = []
    for _ in range(250):
        operation = choice.choice([*known, "create", "start"])
        name, other = choice.choice(names), choice.choice(names)
        method, path, body, _allowed = OPERATIONS[operation]
        expected = model.status_of(operation, name, other)
        answer = engine.api(method, path.format(name=name, other=other), body)
        trail.append((operation, name, other, answer.status))
        assert answer.status == expected, (trail[-8:], answer)
        if operation == "kill" and expected == 204:
            # The signal is sent; that the process has ended is noted a moment later.
            wait_until("it has ended", lambda name=name: not engine.state(name)["Running"])
        for known_name, state in model.states.items():
            assert engine.state(known_name)["Status"] == state, (trail[-8:], known_name)


def test_events_of_the_walk_are_those_of_one_life_after_the_other(engine):
    """Each start has its die before the next start, whatever is asked at once."""
    since = time.time()
    engine.docker("create", "--name", "box", "busybox", "sleep", "1000")

    def poke(number: int) -> None:
        choice = random.Random(number)
        for _ in range(12):
            ask(engine, choice.choice(["start", "stop", "kill", "restart"]), "box")

    threads = [threading.Thread(target=poke, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.docker("rm", "-f", "box")
    until = time.time() + 0.2
    text = engine.api("GET", f"/events?since={since:.3f}&until={until:.3f}").body
    actions = [json.loads(line)["Action"] for line in text.splitlines()]
    lives = [action for action in actions if action in ("start", "die")]
    assert lives[::2] == ["start"] * len(lives[::2])
    assert lives[1::2] == ["die"] * len(lives[1::2])
    assert len(lives) % 2 == 0
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:  # the daemon still answers
        client.connect(str(engine.socket))
