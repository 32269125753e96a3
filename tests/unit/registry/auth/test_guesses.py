from __future__ import annotations

import pytest

from baleen.registry.auth.guesses import GuessLimit, TooManyRequests, address_key


def guesses(limit, times, user, address):
    for count in range(times):
        try:
            limit.begin(user, address)
        except TooManyRequests:
            return count
    return times


def test_ten_guesses_for_a_user_from_an_address():
    limit = GuessLimit(clock=lambda: 0)
    assert guesses(limit, 100, "ann", "192.0.2.1") == 10
    assert guesses(limit, 1, "ann", "192.0.2.2") == 1


def test_many_names_from_one_address_are_guessed_sixty_times():
    limit = GuessLimit(clock=lambda: 0)
    assert sum(guesses(limit, 1, f"user{n}", "192.0.2.1") for n in range(1000)) == 60


def test_one_name_from_many_addresses_is_guessed_two_hundred_times():
    limit = GuessLimit(clock=lambda: 0)
    assert sum(guesses(limit, 1, "ann", f"192.0.{n // 250}.{n % 250}") for n in range(1000)) == 200


def test_right_passwords_cost_nothing():
    limit = GuessLimit(clock=lambda: 0)
    for _ in range(100):
        limit.begin("ann", "192.0.2.1")
        limit.was_right("ann", "192.0.2.1")
    assert guesses(limit, 100, "ann", "192.0.2.1") == 10


def test_a_refused_guess_is_not_counted_elsewhere():
    limit = GuessLimit(clock=lambda: 0)
    guesses(limit, 1000, "ann", "192.0.2.1")
    assert guesses(limit, 100, "bob", "192.0.2.1") == 10


def test_a_refusal_says_how_long_to_wait():
    limit = GuessLimit(clock=lambda: 0)
    guesses(limit, 10, "ann", "192.0.2.1")
    with pytest.raises(TooManyRequests) as caught:
        limit.begin("ann", "192.0.2.1")
    assert caught.value.retry_after_s == 30


def test_time_allows_more():
    now = [0.0]
    limit = GuessLimit(clock=lambda: now[0])
    guesses(limit, 100, "ann", "192.0.2.1")
    now[0] = 60
    assert guesses(limit, 100, "ann", "192.0.2.1") == 2


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_ipv6_addresses_count_by_their_network(address, key):
    assert address_key(address) == key
