import pytest

from baleen.runtime.restart import RestartManager, RestartPolicy


def delays(manager, count, exit_code=1, run_s=0.0):
    return [manager.after_exit(exit_code, run_s) for _ in range(count)]


def test_the_delay_doubles_up_to_a_minute():
    manager = RestartManager(RestartPolicy("always"))
    found = delays(manager, 12)
    assert found[:4] == [0.1, 0.2, 0.4, 0.8]
    assert found[-2:] == [60.0, 60.0]
    assert manager.count == 12


def test_a_run_of_ten_seconds_starts_the_delay_anew():
    manager = RestartManager(RestartPolicy("always"))
    delays(manager, 5)
    assert manager.after_exit(0, 9.9) == pytest.approx(3.2)
    assert manager.after_exit(0, 10.0) == 0.1


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts"),
    [
        ("no", 1, False),
        ("always", 0, True),
        ("unless-stopped", 0, True),
        ("on-failure", 0, False),
        ("on-failure", 1, True),
        ("on-failure", 137, True),
    ],
)
def test_policies(policy, exit_code, restarts):
    manager = RestartManager(RestartPolicy(policy))
    assert (manager.after_exit(exit_code, 0.0) is not None) is restarts


def test_on_failure_counts_what_was_restarted_before():
    manager = RestartManager(RestartPolicy("on-failure", 3), count=1)
    assert delays(manager, 3) == [0.1, 0.2, None]
    assert manager.count == 3


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_a_stopped_container_is_not_restarted(policy):
    manager = RestartManager(RestartPolicy(policy))
    manager.stop()
    assert manager.after_exit(1, 0.0) is None


def test_a_new_policy_counts_at_once():
    manager = RestartManager(RestartPolicy("always"))
    manager.policy = RestartPolicy("no")
    assert manager.after_exit(1, 0.0) is None
