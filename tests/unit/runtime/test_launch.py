"""What the end of a PID 1 that was set up means; launches: the integration tests."""

from baleen.runtime.launch import init_ended


def test_a_kill_may_be_one_for_lack_of_memory():
    failure = init_ended(137)
    assert (failure.stage, failure.exit_code) == ("init", 128)
    assert "status 137" in str(failure)
    assert "memory" in str(failure)


def test_another_status_is_told_as_it_is():
    assert "memory" not in str(init_ended(1))
