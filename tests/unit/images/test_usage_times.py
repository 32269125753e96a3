from baleen.images.usage_times import UsageTimes

HOUR = 3600 * 10**9


class Clock:
    now = 1_700_000_000 * 10**9

    def __call__(self):
        return self.now


def test_times_are_exact_here_and_to_the_hour_after_a_restart(world):
    clock = Clock()
    times = UsageTimes(world.database, clock)
    times.start([])
    began = clock.now
    times.touch("a")
    clock.now += HOUR // 2
    times.touch("a")
    assert times.get("a") == clock.now
    again = UsageTimes(world.database, clock)
    again.start(["a"])
    assert again.get("a") == began
    clock.now += HOUR
    times.touch("a")
    again.start(["a"])
    assert again.get("a") == clock.now


def test_what_is_gone_is_forgotten(world):
    times = UsageTimes(world.database)
    times.touch("a")
    times.touch("b")
    times.forget("a")
    assert (times.get("a"), times.get("b") > 0) == (0, True)
    again = UsageTimes(world.database)
    again.start([])
    assert again.get("b") == 0
    assert not [key for key, _ in world.database.all("settings") if key.startswith("image-used")]
