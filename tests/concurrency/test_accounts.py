"""Races about people: links that work once, addresses that are one person's, owners that stay."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models import QuerySet

from accounts.actors import SYSTEM, account
from accounts.errors import LastOwner, LinkRefused
from accounts.links import Purpose, make_token
from accounts.models import Login, Membership, Organization, Role, User
from accounts.services import deletion, memberships
from accounts.services.emails import confirm_email_change, request_email_change, verify_email
from accounts.services.invitations import accept_invitation, invite_member
from accounts.services.memberships import change_member, remove_member
from accounts.services.passwords import change_password, reset_password
from accounts.services.users import register
from reserve.core.errors import Invalid
from reserve.outbox.models import Event
from tests.concurrency.races import Race
from tests.factories import PASSWORD, make_member, make_organization, make_user

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long sentence"


def _kinds(outcomes: list[Any]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def _once(outcomes: list[Any], refusal: type[Exception]) -> None:
    assert [isinstance(one, refusal) for one in outcomes].count(True) == 7, outcomes
    assert [isinstance(one, Exception) for one in outcomes].count(True) == 7, outcomes


def test_a_reset_works_once_for_eight_callers(race: Race) -> None:
    user = make_user()
    token = make_token(Purpose.RESET_PASSWORD, user)
    outcomes = race([partial(reset_password, token=token, password=f"{NEW} {i}") for i in range(8)])
    _once(outcomes, LinkRefused)
    assert Event.objects.count() == 1
    winner = next(i for i, one in enumerate(outcomes) if one is None)
    user.refresh_from_db()
    assert user.check_password(f"{NEW} {winner}")


def test_control_a_reset_without_its_condition_works_several_times(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()
    token = make_token(Purpose.RESET_PASSWORD, user)
    update = QuerySet.update

    def unconditional(rows: Any, **fields: Any) -> int:
        is_reset = rows.model is User and "password" in fields
        return update(User.objects.filter(pk=user.pk) if is_reset else rows, **fields)

    monkeypatch.setattr(QuerySet, "update", unconditional)
    outcomes = race([partial(reset_password, token=token, password=f"{NEW} {i}") for i in range(8)])
    with pytest.raises(AssertionError):
        _once(outcomes, LinkRefused)


def test_a_verification_works_once_for_eight_callers(race: Race) -> None:
    token = make_token(Purpose.VERIFY_EMAIL, make_user())
    _once(race([partial(verify_email, token=token)] * 8), LinkRefused)


def test_a_change_of_address_works_once_for_eight_callers(race: Race) -> None:
    user = make_user()
    request_email_change(actor=account(user.pk), email="new@example.org", password=PASSWORD)
    user.refresh_from_db()
    token = make_token(Purpose.CHANGE_EMAIL, user)
    _once(race([partial(confirm_email_change, token=token)] * 8), LinkRefused)


def test_an_invitation_is_accepted_once_by_eight_callers(race: Race) -> None:
    user, organization = make_user(), make_organization()
    invitation = invite_member(
        actor=SYSTEM, organization_id=organization.pk, email=user.email, role=Role.STAFF
    )
    token = make_token(Purpose.ACCEPT_INVITATION, invitation)
    outcomes = race([partial(accept_invitation, actor=account(user.pk), token=token)] * 8)
    assert sum(isinstance(one, Membership) for one in outcomes) == 1, _kinds(outcomes)
    assert Membership.objects.count() == 1
    assert Event.objects.filter(name="invitation.accepted").count() == 1


def test_a_password_is_changed_from_what_it_was_once(race: Race) -> None:
    user = make_user()
    change = partial(change_password, actor=account(user.pk), current_password=PASSWORD)
    outcomes = race([partial(change, new_password=f"{NEW} {i}") for i in range(8)])
    _once(outcomes, Invalid)


def test_an_address_is_one_person_s_whoever_registers_at_once(race: Race) -> None:
    ada = partial(register, email="ada@example.org", password=PASSWORD, name="Ada")
    _once(race([ada] * 8), Invalid)
    assert (User.objects.count(), Login.objects.count(), Event.objects.count()) == (1, 1, 1)


# --- The last owner -------------------------------------------------------------------


def _owners_leave(race: Race) -> tuple[Organization, list[Any]]:
    """Four owners who leave at once, each in another way."""
    organization = make_organization()
    people = [make_member(organization, Role.OWNER) for _ in range(4)]
    ids = [Membership.objects.get(user=person).pk for person in people]
    calls: list[Callable[[], Any]] = [
        partial(remove_member, actor=account(people[0].pk), membership_id=ids[0]),
        partial(change_member, actor=SYSTEM, membership_id=ids[1], role=Role.STAFF),
        partial(deletion.delete_account, actor=account(people[2].pk), password=PASSWORD),
        partial(remove_member, actor=account(people[3].pk), membership_id=ids[3]),
    ]
    return organization, race(calls)


def _assert_one_stays(organization: Organization, outcomes: list[Any]) -> None:
    assert _kinds(outcomes).count("LastOwner") == 1, outcomes
    assert organization.memberships.filter(role=Role.OWNER).count() == 1


def test_when_all_owners_leave_at_once_one_stays(race: Race) -> None:
    for _ in range(5):
        _assert_one_stays(*_owners_leave(race))


def test_control_without_the_lock_all_owners_leave(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = threading.Barrier(4)
    require = memberships.require_another_owner

    def require_slowly(membership: Membership) -> None:
        require(membership)
        decided.wait(5)

    for module in (memberships, deletion):
        monkeypatch.setattr(module, "lock_organization", lambda _organization_id: None)
        monkeypatch.setattr(module, "require_another_owner", require_slowly)
    organization, outcomes = _owners_leave(race)
    with pytest.raises(AssertionError):
        _assert_one_stays(organization, outcomes)
    assert LastOwner.__name__ not in _kinds(outcomes)
