"""Service protection of sandboxes: sliding windows for each user, with a clock that the test moves."""

import pytest

from syncengine.sandbox.limits import Exceeded, Limit, Limiter, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(clock: Clock, **limits: float) -> Limiter:
    off = {"requests": 0, "execution_s": 0, "concurrency": 0}
    return Limiter(Limits(**{**off, **limits}), clock)


def call(limits: Limiter, clock: Clock, *, takes_s: float = 0.0, user: str = "u") -> None:
    with limits.call(user):
        clock.now += takes_s


def refusal(limits: Limiter, user: str = "u") -> Exceeded:
    with pytest.raises(Exceeded) as caught, limits.call(user):
        pass
    return caught.value


def test_request_over_the_limit_is_refused_until_the_oldest_leaves_the_window(clock: Clock) -> None:
    limits = limiter(clock, requests=2)
    call(limits, clock, takes_s=100)
    call(limits, clock)
    refused = refusal(limits)
    assert (refused.limit, refused.retry_after_s) == (Limit.REQUESTS, 201)
    clock.now += refused.retry_after_s
    call(limits, clock)


def test_window_slides(clock: Clock) -> None:
    limits = limiter(clock, requests=2)
    for _ in range(20):
        call(limits, clock)
        clock.now += 150.1


def test_execution_time_over_the_limit_is_refused(clock: Clock) -> None:
    limits = limiter(clock, execution_s=10)
    call(limits, clock, takes_s=9.9)
    call(limits, clock, takes_s=5)
    assert refusal(limits).limit is Limit.EXECUTION
    clock.now += 300
    call(limits, clock)


def test_call_beside_as_many_as_allowed_is_refused(clock: Clock) -> None:
    limits = limiter(clock, concurrency=2)
    with limits.call("u"), limits.call("u"):
        refused = refusal(limits)
        assert (refused.limit, refused.retry_after_s) == (Limit.CONCURRENCY, 1)
        call(limits, clock, user="another")
    call(limits, clock)


def test_wait_grows_while_the_client_keeps_sending(clock: Clock) -> None:
    limits = limiter(clock, requests=1)
    call(limits, clock)
    clock.now += 200
    waits = [refusal(limits).retry_after_s for _ in range(4)]
    assert waits == [101, 102, 103, 104]
    clock.now += 102
    assert refusal(limits).limit is Limit.REQUESTS  # the window has room, the wait is not over
    clock.now += 3
    call(limits, clock)


def test_wait_is_never_longer_than_the_window(clock: Clock) -> None:
    limits = limiter(clock, requests=1)
    call(limits, clock)
    assert max(refusal(limits).retry_after_s for _ in range(1_000)) == 300


def test_each_user_has_limits_of_its_own(clock: Clock) -> None:
    limits = limiter(clock, requests=1)
    call(limits, clock)
    call(limits, clock, user="another")
    assert refusal(limits).limit is Limit.REQUESTS


def test_what_remains_is_told(clock: Clock) -> None:
    limits = Limiter(Limits(), clock)
    call(limits, clock, takes_s=2)
    left = limits.remaining("u")
    assert (left.requests, left.execution_s) == (5_999, 1_198.0)


def test_scale_makes_window_and_room_smaller(clock: Clock) -> None:
    limits = Limiter(Limits(scale=100), clock)
    for _ in range(60):
        call(limits, clock)
    assert refusal(limits).retry_after_s == 3
    clock.now += 3
    call(limits, clock)


def test_zero_is_no_limit(clock: Clock) -> None:
    limits = limiter(clock)
    for _ in range(10_000):
        call(limits, clock, takes_s=1)
    assert limits.remaining("u").requests == 0
