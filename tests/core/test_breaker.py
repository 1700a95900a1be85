"""A breaker leaves a server that fails alone, and finds out when it does well again."""

import pytest

from reserve.core.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("reserve.core.breaker.time", made)
    return made


def test_while_one_tries_again_nobody_else_does(clock: Clock) -> None:
    breaker = Breaker(first_seconds=1, longest_seconds=60)
    assert breaker.admits()
    assert breaker.trip()
    assert not breaker.admits()
    clock.now += 1
    assert [breaker.admits() for _ in range(5)] == [True, *[False] * 4]
    assert not breaker.trip(), "the same outage"
    clock.now += 1
    assert not breaker.admits(), "the rest has doubled"
    clock.now += 1
    assert breaker.admits()
    assert breaker.reset()
    assert all(breaker.admits() for _ in range(5))
    assert not breaker.reset()


def test_a_slow_answer_now_and_then_is_forgiven(clock: Clock) -> None:
    breaker = Breaker(first_seconds=1, longest_seconds=1, slow_seconds=0.01, allowance_seconds=0.05)
    assert not any(breaker.is_too_slow(0.009) for _ in range(1_000))
    assert [breaker.is_too_slow(0.02) for _ in range(3)] == [False, False, True]
    clock.now += 0.4
    assert not breaker.is_too_slow(0.02), "a tenth of the time is taken off"
