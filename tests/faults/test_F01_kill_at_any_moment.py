"""F01: a daemon that is killed at any moment leaves each object fully there or fully gone.

One client makes and removes objects without a pause; the daemon gets SIGKILL at a random moment
of a call, again and again. After each restart the API answers, the objects are whole, and at the
end the leak check of the fixture finds nothing: no mount, namespace, link, rule, address, cgroup,
process or file that no object owns.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from pathlib import Path

import leaks
import pytest
from bed import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]

ROUNDS = 30
SEED = 20_261_124
STATES = {"created", "running", "exited"}


def life(engine, number: int) -> None:
    """One of everything, in the order in which a user would."""
    name = f"f{number}"
    calls = (
        ("POST", "/networks/create", {"Name": f"net{number}"}),
        ("POST", "/volumes/create", {"Name": f"vol{number}"}),
        ("POST", f"/containers/create?name={name}", {
            "Image": "busybox", "Cmd": ["sleep", "1000"],
            "HostConfig": {
                "NetworkMode": f"net{number}",
                "Binds": [f"vol{number}:/v", "/anonymous"],
                "PortBindings": {"80/tcp": [{"HostPort": ""}]},
            },
        }),
        ("POST", f"/containers/{name}/start", None),
        ("POST", f"/containers/{name}/exec", {"Cmd": ["true"]}),
        ("POST", f"/containers/{name}/rename?name={name}x", None),
        ("POST", f"/containers/{name}x/stop?t=0", None),
        ("POST", f"/containers/{name}x/start", None),
        ("DELETE", f"/containers/{name}x?force=1&v=1", None),
        ("DELETE", f"/volumes/vol{number}", None),
        ("DELETE", f"/networks/net{number}", None),
    )  # fmt: skip
    for method, path, body in calls:
        answer = engine.api(method, path, body)
        assert answer.status < 500, (path, answer)


def check_whole(engine) -> None:
    """Everything that is listed can be looked at and, if it runs, entered."""
    started = time.monotonic()
    assert engine.api("GET", "/info").status == 200
    containers = engine.api("GET", "/containers/json?all=1").json()
    assert engine.api("GET", "/images/json").status == 200
    assert time.monotonic() - started < 2.0
    networks = {item["Id"] for item in engine.api("GET", "/networks").json()}
    volumes = {item["Name"] for item in engine.api("GET", "/volumes").json()["Volumes"] or []}
    for item in containers:
        found = engine.inspect(item["Id"])
        assert found["State"]["Status"] in STATES, found["State"]
        for mount in found["Mounts"]:
            assert mount["Name"] in volumes, "a volume in use is there"
        for endpoint in found["NetworkSettings"]["Networks"].values():
            assert not endpoint["NetworkID"] or endpoint["NetworkID"] in networks
        if found["State"]["Running"]:
            assert Path(f"/proc/{found['State']['Pid']}").exists()
            made = engine.api("POST", f"/containers/{item['Id']}/exec", {"Cmd": ["true"]}).json()
            answer = engine.api("POST", f"/exec/{made['Id']}/start", {"Detach": True})
            assert answer.status == 200, answer


def test_every_object_is_there_or_gone(engine):
    before = leaks.take(engine.place, engine.pid)
    kept = engine.inventory()
    choice = random.Random(SEED)
    for number in range(ROUNDS):
        failures = []

        def client(number=number, failures=failures):
            try:
                life(engine, number)
                life(engine, number + 1000)
            except (OSError, http.client.HTTPException):
                return  # killed in the middle of this call
            except AssertionError as err:
                failures.append(err)

        thread = threading.Thread(target=client)
        moment = choice.uniform(0.0, 0.25)
        thread.start()
        thread.join(moment)
        engine.kill9()
        thread.join(30)
        engine.start()
        assert not failures, failures
        check_whole(engine)
        if number % 10 == 9:
            engine.remove_everything(kept)
            found: list[str] = []

            def clean(found=found) -> bool:
                found[:] = leaks.take(engine.place, engine.pid).leaks_since(before)
                return not found

            with contextlib.suppress(AssertionError):
                wait_until("nothing is left", clean, timeout_s=5.0, every_s=0.05)
            assert not found, (number, moment, found)


def test_nothing_that_nobody_asked_to_keep_stays(engine):
    """A create that was cut off leaves no anonymous volume for ever."""
    choice = random.Random(SEED + 1)
    kept = {item["Name"] for item in engine.api("GET", "/volumes").json()["Volumes"] or []}
    for number in range(10):

        def create(number=number):
            with contextlib.suppress(OSError, http.client.HTTPException):
                for turn in range(20):
                    engine.api(
                        "POST", f"/containers/create?name=c{number}x{turn}",
                        {"Image": "busybox", "HostConfig": {"Binds": ["/a", "/b", "/c"]}},
                    )  # fmt: skip

        thread = threading.Thread(target=create)
        thread.start()
        thread.join(choice.uniform(0.0, 0.08))
        engine.kill9()
        thread.join(30)
        engine.start()
    used = {
        mount["Name"]
        for item in engine.api("GET", "/containers/json?all=1").json()
        for mount in engine.inspect(item["Id"])["Mounts"]
    }
    there = {item["Name"] for item in engine.api("GET", "/volumes").json()["Volumes"] or []}
    assert there - kept == used
