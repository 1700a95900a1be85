"""Marks of ended logins and the lease that vouches for them, one step at a time."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from accounts import revocations
from accounts.api.authentication import AccessTokens
from accounts.errors import TokenRefused
from accounts.models import Login, User
from accounts.revocations import LEASE, LEASE_KEY, Keeper, announce, markers
from accounts.services import logins
from accounts.services.logins import LoggedIn, log_out, open_login
from tests.accounts.conftest import login_id_of
from tests.factories import make_user
from tests.redis_server import OwnRedis

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("same_redis")]

LEASE_SECONDS = LEASE.total_seconds()


@pytest.fixture
def redis_alone(own_redis: OwnRedis, settings: Any) -> Iterator[Any]:
    """A database of the server in which no process keeps a lease."""
    url = own_redis.url.replace("db=0", "db=7")
    settings.CACHES = {name: one | {"LOCATION": url} for name, one in settings.CACHES.items()}
    client = own_redis.client.__class__.from_url(url)
    client.flushdb()
    yield client
    client.close()


def _admitted(one: LoggedIn) -> bool:
    tokens = AccessTokens()
    try:
        tokens.admit_at_once(tokens.identify(f"Bearer {one.access_token}"))
    except TokenRefused:
        return False
    return True


def _marked(redis: Any, *ended: LoggedIn) -> list[bool]:
    return [bool(redis.exists(markers(login_id_of(one))[0])) for one in ended]


def test_with_a_lease_nobody_asks_the_database(
    redis_alone: Any, django_assert_num_queries: Any
) -> None:
    one, ended = open_login(make_user()), open_login(make_user())
    with django_assert_num_queries(2):
        assert [_admitted(one), _admitted(ended)] == [True, True]
    assert Keeper().keep()
    log_out(refresh_token=ended.refresh_token)
    with django_assert_num_queries(0):
        assert [_admitted(one), _admitted(ended)] == [True, False]
    redis_alone.delete(LEASE_KEY)
    with django_assert_num_queries(1):
        assert [_admitted(one), _admitted(ended)] == [True, False]
    redis_alone.flushdb()
    with django_assert_num_queries(2):
        assert [_admitted(one), _admitted(ended)] == [True, False]


def test_a_token_with_anothers_login_is_refused_by_the_database(redis_alone: Any) -> None:
    one, other = open_login(make_user()), open_login(make_user())
    Login.objects.filter(pk=login_id_of(one)).update(user=other.user)
    assert not _admitted(one)
    User.objects.filter(pk=other.user.pk).update(is_active=False)
    assert not _admitted(other)


def test_marks_last_longer_than_tokens(redis_alone: Any) -> None:
    one = open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    assert redis_alone.pttl(markers(login_id_of(one))[0]) > 15 * 60_000 + 30_000


def test_the_lease_comes_after_every_mark(redis_alone: Any) -> None:
    ended = [open_login(make_user()) for _ in range(3)]
    for one in ended:
        log_out(refresh_token=one.refresh_token)
    redis_alone.flushdb()
    assert Keeper().keep()
    assert _marked(redis_alone, *ended) == [True] * 3
    assert 0 < redis_alone.pttl(LEASE_KEY) <= LEASE_SECONDS * 1000


def _with_little_left(redis: Any) -> None:
    assert redis.pexpire(LEASE_KEY, 1000)


def test_whoever_dies_between_commit_and_mark_is_made_good(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, one = Keeper(), open_login(make_user())
    assert keeper.keep()
    monkeypatch.setattr(logins, "announce", lambda _: None)
    log_out(refresh_token=one.refresh_token)
    _with_little_left(redis_alone)
    assert keeper.keep()
    assert redis_alone.pttl(LEASE_KEY) > 1000
    assert _marked(redis_alone, one) == [True]


@pytest.mark.parametrize("renewing", [True, False])
def test_no_lease_is_written_over_marks_that_were_lost_meanwhile(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch, renewing: bool
) -> None:
    keeper, one = Keeper(), open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    if renewing:
        assert keeper.keep()
        _with_little_left(redis_alone)
    write = revocations._write_marks

    def write_and_lose(*arguments: Any) -> None:
        write(*arguments)
        redis_alone.flushdb()

    with monkeypatch.context() as patch:
        patch.setattr(revocations, "_write_marks", write_and_lose)
        assert not keeper.keep()
    assert not redis_alone.exists(LEASE_KEY)
    assert keeper.keep()
    assert _marked(redis_alone, one) == [True]


@pytest.mark.parametrize("late", [0.5, 1.0])
def test_a_lease_ends_when_it_would_have_however_late_it_is_written(
    redis_alone: Any, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    """What was committed after the keeper's look, its writer has given up on by then."""
    keeper = Keeper()
    assert keeper.keep()
    _with_little_left(redis_alone)
    look = revocations._ended_since

    def look_and_dawdle(age: Any) -> Any:
        found = look(age)
        redis_alone.persist(LEASE_KEY)
        time.sleep(late * LEASE_SECONDS)
        return found

    monkeypatch.setattr(revocations, "_ended_since", look_and_dawdle)
    assert keeper.keep() == (late < 1)
    assert redis_alone.pttl(LEASE_KEY) <= (1 - late) * LEASE_SECONDS * 1000


def test_a_lease_of_another_run_of_the_server_counts_for_nothing(redis_alone: Any) -> None:
    """As after a restart on a snapshot from before the mark."""
    keeper, one = Keeper(), open_login(make_user())
    assert keeper.keep()
    log_out(refresh_token=one.refresh_token)
    redis_alone.delete(markers(login_id_of(one))[0])
    redis_alone.set(LEASE_KEY, "another run", ex=60)
    assert keeper.keep()
    assert _marked(redis_alone, one) == [True]
    assert redis_alone.pttl(LEASE_KEY) <= LEASE_SECONDS * 1000


def test_two_keepers_get_along(redis_alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that seeds while another does has it finish, and neither leaves a mark out."""
    first, second, one = Keeper(), Keeper(), open_login(make_user())
    log_out(refresh_token=one.refresh_token)
    redis_alone.flushdb()
    write, results = revocations._write_marks, []

    def let_the_second_begin(*arguments: Any) -> None:
        monkeypatch.setattr(revocations, "_write_marks", write)
        results.append(second.keep())
        write(*arguments)

    monkeypatch.setattr(revocations, "_write_marks", let_the_second_begin)
    results.append(first.keep())
    assert results == [True, False]
    assert first.keep()
    assert _marked(redis_alone, one) == [True]


def test_without_redis_an_end_is_answered_when_no_lease_can_be_left(own_redis: OwnRedis) -> None:
    one = open_login(make_user())
    own_redis.kill()
    started = time.monotonic()
    announce([login_id_of(one)])
    assert LEASE_SECONDS <= time.monotonic() - started < LEASE_SECONDS + 2
    own_redis.start()


def test_with_redis_back_an_end_is_answered_at_once(
    own_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_login(make_user())
    # A server takes its time to start on a busy machine.
    monkeypatch.setattr(revocations, "LEASE", timedelta(seconds=60))
    own_redis.kill()
    back = threading.Timer(0.3, own_redis.start)
    back.start()
    started = time.monotonic()
    announce([login_id_of(one)])
    assert time.monotonic() - started < 30
    assert _marked(own_redis.client, one) == [True]
    back.join()
