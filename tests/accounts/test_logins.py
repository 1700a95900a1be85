"""Opening logins, exchanging their tokens, and the list of one's logins."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
import structlog

from accounts.actors import ANONYMOUS, SYSTEM, account
from accounts.errors import CredentialsRefused, TokenRefused, TokenReused
from accounts.models import Login, User
from accounts.selectors import MAX_LOGINS, logins_of
from accounts.services.logins import (
    GRACE,
    LoggedIn,
    end_logins,
    erase_logins,
    forget_old_logins,
    log_in,
    log_out,
    log_out_everywhere,
    open_login,
    refresh_tokens,
    revoke_login,
)
from accounts.services.suspension import reinstate_user, suspend_user
from accounts.tokens import read_authorization, read_refresh_token
from reserve.core.clock import database_now, now
from reserve.core.context import begin_request
from reserve.core.errors import Forbidden, NotFound, Unauthenticated
from tests.factories import PASSWORD, bearer, make_customer, make_user

pytestmark = pytest.mark.django_db


def _logged_in(user: User | None = None) -> LoggedIn:
    return log_in(email=(user or make_user()).email, password=PASSWORD)


def _refresh(token: str) -> LoggedIn:
    return refresh_tokens(refresh_token=token)


def _login_of(logged_in: LoggedIn) -> Login:
    return Login.objects.get(pk=read_refresh_token(logged_in.refresh_token).login_id)


def _later(logged_in: LoggedIn, by: timedelta) -> None:
    """Have the last refresh of a login be longer ago."""
    login = _login_of(logged_in)
    Login.objects.filter(pk=login.pk).update(refreshed_at=login.refreshed_at - by)


def test_a_login_gives_tokens_whatever_the_case_of_the_address() -> None:
    user = make_user(email="someone@example.com")
    logged_in = log_in(email="  SomeOne@Example.com ", password=PASSWORD)
    assert logged_in.user == user
    claims = read_authorization(f"Bearer {logged_in.access_token}")
    assert (claims.user_id, claims.login_id) == (user.pk, _login_of(logged_in).pk)


@pytest.mark.parametrize(
    ("email", "password"),
    [("someone@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")],
)
def test_a_wrong_password_and_an_unknown_address_are_refused_alike(
    email: str, password: str
) -> None:
    make_user(email="someone@example.com")
    with pytest.raises(CredentialsRefused) as refused:
        log_in(email=email, password=password)
    assert refused.value.text == CredentialsRefused.message
    assert not Login.objects.exists()


def test_a_suspended_account_cannot_log_in() -> None:
    make_user(email="someone@example.com", is_active=False)
    with pytest.raises(CredentialsRefused):
        log_in(email="someone@example.com", password=PASSWORD)


@pytest.mark.parametrize("change", [{"password": "other"}, {"is_active": False}])
def test_who_was_shut_out_while_the_password_was_checked_gets_no_login(change) -> None:
    user = make_user()
    User.objects.filter(pk=user.pk).update(**change)
    with pytest.raises(CredentialsRefused):
        open_login(user)
    assert not Login.objects.exists()


# --- Refreshing ------------------------------------------------------------------------


def test_a_refresh_token_is_exchanged_once_and_reuse_ends_the_login() -> None:
    first = _logged_in()
    second = _refresh(first.refresh_token)
    third = _refresh(second.refresh_token)
    with structlog.testing.capture_logs() as lines, pytest.raises(TokenReused):
        _refresh(first.refresh_token)
    login = _login_of(first)
    assert login.revoked_at is not None
    (event,) = [line for line in lines if line["event"] == "refresh_token_reused"]
    assert event == {
        "event": "refresh_token_reused",
        "log_level": "warning",
        "user_id": first.user.public_id,
        "login_id": login.public_id,
    }
    for ended in (first, second, third):
        with pytest.raises(TokenRefused):
            _refresh(ended.refresh_token)


def test_a_client_that_lost_the_answer_gets_the_same_one_again() -> None:
    first = _logged_in()
    successor = _refresh(first.refresh_token)
    assert successor.refresh_token != first.refresh_token
    assert successor.access_token != first.access_token
    _later(first, GRACE - timedelta(seconds=1))
    again = _login_of(first)
    # What is signed again follows from the row, which the test has moved into the past.
    same = _refresh(first.refresh_token)
    assert read_refresh_token(same.refresh_token).jti == again.refresh_jti
    assert _refresh(same.refresh_token).refresh_token != same.refresh_token
    with pytest.raises(TokenReused):
        _refresh(first.refresh_token)


def test_the_same_answer_is_the_same_to_the_letter() -> None:
    first = _logged_in()
    successor = _refresh(first.refresh_token)
    for _ in range(3):
        again = _refresh(first.refresh_token)
        assert (again.access_token, again.refresh_token) == (
            successor.access_token,
            successor.refresh_token,
        )
    assert _refresh(successor.refresh_token).access_token != successor.access_token


def test_after_the_grace_a_used_token_ends_the_login() -> None:
    first = _logged_in()
    successor = _refresh(first.refresh_token)
    _later(first, GRACE + timedelta(seconds=1))
    with pytest.raises(TokenReused):
        _refresh(first.refresh_token)
    with pytest.raises(TokenRefused):
        _refresh(successor.refresh_token)


def test_the_grace_is_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose clock is wrong is in nobody's way, as long as tokens count."""
    first = _logged_in()
    successor = _refresh(first.refresh_token)
    monkeypatch.setattr("reserve.core.clock.datetime", None)
    assert _refresh(first.refresh_token).refresh_token == successor.refresh_token


def test_a_refresh_that_crossed_with_its_successors_use_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = _logged_in()
    arrived = database_now()
    second = _refresh(first.refresh_token)
    third = _refresh(second.refresh_token)
    monkeypatch.setattr("accounts.services.logins.database_now", lambda: arrived)
    with pytest.raises(TokenRefused):
        _refresh(first.refresh_token)
    monkeypatch.undo()
    assert _refresh(third.refresh_token)


def test_nothing_in_the_database_is_a_token() -> None:
    first = _logged_in()
    _refresh(first.refresh_token)
    row = Login.objects.filter(pk=_login_of(first).pk).values().get()
    assert not any(str(value).count(".") == 2 and "ey" in str(value) for value in row.values())


def test_of_a_login_that_is_anothers_no_token_is_exchanged() -> None:
    one, other = _logged_in(), _logged_in()
    Login.objects.filter(pk=_login_of(one).pk).update(user=other.user)
    with pytest.raises(TokenRefused):
        _refresh(one.refresh_token)
    with pytest.raises(TokenRefused):
        _refresh(one.refresh_token)
    log_out(refresh_token=one.refresh_token)
    assert Login.objects.filter(revoked_at=None).count() == 2


# --- Ending ----------------------------------------------------------------------------


def test_after_logging_out_a_refresh_token_is_refused() -> None:
    token = _logged_in().refresh_token
    log_out(refresh_token=token)
    log_out(refresh_token=token)
    with pytest.raises(TokenRefused):
        _refresh(token)


def _suspend(user: User) -> None:
    suspend_user(actor=SYSTEM, user_id=user.pk)


@pytest.mark.parametrize(
    "end",
    [
        lambda user: log_out_everywhere(actor=account(user.pk)),
        lambda user: end_logins(user_id=user.pk),
        lambda user: erase_logins(user_id=user.pk),
        _suspend,
    ],
)
def test_all_logins_of_one_person_end(end: Callable[[User], object]) -> None:
    user, other = make_user(), _logged_in()
    tokens = [_logged_in(user).refresh_token for _ in range(3)]
    end(user)
    for token in tokens:
        with pytest.raises(TokenRefused):
            _refresh(token)
    assert _refresh(other.refresh_token)


def test_one_login_may_be_kept() -> None:
    user = make_user()
    kept, ended = _logged_in(user), _logged_in(user)
    assert end_logins(user_id=user.pk, except_login_id=_login_of(kept).pk) == 1
    assert _refresh(kept.refresh_token)
    with pytest.raises(TokenRefused):
        _refresh(ended.refresh_token)


def test_an_erased_login_says_nothing_of_the_person() -> None:
    begin_request(address="203.0.113.77", user_agent="Firefox")
    logged_in = _logged_in()
    erase_logins(user_id=logged_in.user.pk)
    login = _login_of(logged_in)
    assert (login.device, login.network) == ("", "")


def test_only_administrators_suspend() -> None:
    user, somebody = make_user(), make_user(is_staff=True)
    for actor in (ANONYMOUS, account(user.pk), account(somebody.pk)):
        with pytest.raises(Forbidden):
            suspend_user(actor=actor, user_id=user.pk)
    user.refresh_from_db()
    assert user.is_active
    root = account(make_user(is_superuser=True).pk)
    suspend_user(actor=root, user_id=user.pk)
    with pytest.raises(CredentialsRefused):
        log_in(email=user.email, password=PASSWORD)
    reinstate_user(actor=root, user_id=user.pk)
    assert _logged_in(user)
    with pytest.raises(NotFound):
        suspend_user(actor=root, user_id=UUID(int=1))


# --- The list of one's logins ----------------------------------------------------------


def test_a_login_says_which_device_and_network_it_was_last_used_from() -> None:
    begin_request(address="203.0.113.77", user_agent="Firefox\x07 128\u202e on Linux" + "x" * 300)
    logged_in = _logged_in()
    login = _login_of(logged_in)
    assert login.network == "203.0.113.0/24"
    assert login.device.startswith("Firefox 128 on Linux")
    assert len(login.device) == 200
    begin_request(address="2001:db8:1:2::3", user_agent="")
    _refresh(logged_in.refresh_token)
    login.refresh_from_db()
    assert (login.network, login.device) == ("2001:db8:1::/48", "")


def test_ones_logins_are_listed_the_last_used_first_and_only_while_open() -> None:
    user = make_user()
    first, second, ended, expired = (_logged_in(user) for _ in range(4))
    _logged_in()
    log_out(refresh_token=ended.refresh_token)
    Login.objects.filter(pk=_login_of(expired).pk).update(expires_at=now())
    _refresh(first.refresh_token)
    listed = logins_of(actor=account(user.pk))
    assert [login.pk for login in listed] == [_login_of(first).pk, _login_of(second).pk]
    with pytest.raises(Unauthenticated):
        logins_of(actor=ANONYMOUS)


def test_one_of_ones_logins_is_revoked_and_nobody_elses() -> None:
    user, other = make_user(), _logged_in()
    one, kept = _logged_in(user), _logged_in(user)
    actor = account(user.pk)
    revoke_login(actor=actor, login_id=_login_of(one).pk)
    for login_id in (_login_of(one).pk, _login_of(other).pk, UUID(int=1)):
        with pytest.raises(NotFound):
            revoke_login(actor=actor, login_id=login_id)
    with pytest.raises(TokenRefused):
        _refresh(one.refresh_token)
    assert _refresh(kept.refresh_token)
    assert _refresh(other.refresh_token)


def test_a_person_has_so_many_logins_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_LOGINS == 100
    monkeypatch.setattr("accounts.services.logins.MAX_LOGINS", 3)
    user = make_user()
    logins = [_logged_in(user) for _ in range(3)]
    _refresh(logins[0].refresh_token)
    newest = _logged_in(user)
    expected = {_login_of(one).pk for one in (logins[0], logins[2], newest)}
    assert {login.pk for login in logins_of(actor=account(user.pk))} == expected


def test_logins_that_expired_long_ago_are_forgotten() -> None:
    old, young = (_login_of(_logged_in()) for _ in range(2))
    Login.objects.filter(pk=old.pk).update(expires_at=now() - timedelta(days=30, minutes=1))
    Login.objects.filter(pk=young.pk).update(expires_at=now() - timedelta(days=29))
    assert forget_old_logins() == 1
    assert Login.objects.get() == young


def test_an_actor_comes_back_from_its_header() -> None:
    customer = make_customer()
    assert read_authorization(bearer(customer)).user_id == customer.user_id
