"""Who works where, and how they come to."""

from datetime import timedelta

import pytest

from accounts import selectors
from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from accounts.errors import LastOwner, LinkRefused, WorksHereAlready
from accounts.links import Purpose, make_token
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services.invitations import (
    accept_as_new,
    accept_invitation,
    accept_with_password,
    invite_member,
    revoke_invitation,
)
from accounts.services.memberships import add_member, change_member, remove_member
from accounts.services.organizations import create_organization
from accounts.services.users import new_person
from bookings.models import Booking
from bookings.services.bookings import create_booking
from reserve.core.clock import now
from reserve.core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from tests.accounts.conftest import link_in, token_in
from tests.factories import (
    PASSWORD,
    make_customer,
    make_member,
    make_organization,
    make_resource,
    make_slot,
    make_user,
    make_venue,
    seats_on,
)
from venues.models import Venue

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def owner(organization: Organization) -> Actor:
    return account(make_member(organization, Role.OWNER).pk)


@pytest.fixture
def manager(organization: Organization) -> Actor:
    return account(make_member(organization, Role.MANAGER).pk)


@pytest.fixture
def staff(organization: Organization) -> Actor:
    return account(make_member(organization, Role.STAFF).pk)


def membership_of(actor: Actor) -> Membership:
    return Membership.objects.get(user_id=actor.user_id)


# --- Where staff work ---------------------------------------------------------------


def test_staff_may_be_limited_to_venues(organization, owner, manager, staff) -> None:
    here, there = (make_venue(organization=organization) for _ in range(2))
    change_member(actor=manager, membership_id=membership_of(staff).pk, venue_ids=[here.pk])

    def works_at(actor: Actor, venue: Venue) -> bool:
        by_call = selectors.works_at(
            actor=actor, organization_id=venue.organization_id, venue_id=venue.pk
        )
        if actor.user_id is not None:
            condition = selectors.works_at_condition(actor.user_id, venue="pk")
            assert Venue.objects.filter(condition, pk=venue.pk).exists() == by_call
        return by_call

    assert works_at(staff, here)
    assert not works_at(staff, there)
    assert selectors.is_member(actor=staff, organization_id=organization.pk)
    elsewhere = make_venue()
    for actor in (owner, manager):
        assert works_at(actor, here)
        assert works_at(actor, there)
        assert not works_at(actor, elsewhere)
    administrator = account(make_user(is_superuser=True).pk)
    for actor in (administrator, SYSTEM):
        assert works_at(actor, elsewhere)
    for nobody in (ANONYMOUS, make_customer(), account(make_member(elsewhere.organization).pk)):
        assert not works_at(nobody, here)
    User.objects.filter(pk=staff.user_id).update(is_active=False)
    assert not works_at(staff, here)
    assert selectors.role_of(actor=staff, organization_id=organization.pk) is None


def test_the_condition_works_on_rows_with_a_venue(organization, staff) -> None:
    slots = [make_slot(make_resource(make_venue(organization=organization))) for _ in range(2)]
    bookings = [create_booking(actor=make_customer(), seats=seats_on(slot)) for slot in slots]
    assert staff.user_id
    seen = Booking.objects.filter(selectors.works_at_condition(staff.user_id))
    assert seen.count() == 2
    Membership.objects.filter(user_id=staff.user_id).update(venue_ids=[slots[0].venue_id])
    assert [booking.pk for booking in seen.all()] == [bookings[0].pk]


def test_roles_are_told_apart(organization, owner, manager, staff) -> None:
    roles = [
        selectors.role_of(actor=actor, organization_id=organization.pk)
        for actor in (owner, manager, staff, make_customer(), ANONYMOUS, SYSTEM)
    ]
    assert roles == [Role.OWNER, Role.MANAGER, Role.STAFF, None, None, None]


def test_only_staff_is_limited_and_only_to_venues_of_the_organization(
    organization, owner, manager, staff
) -> None:
    venue, elsewhere = make_venue(organization=organization), make_venue()
    for actor, venue_id in ((manager, venue.pk), (staff, elsewhere.pk)):
        with pytest.raises(Invalid) as refused:
            change_member(actor=owner, membership_id=membership_of(actor).pk, venue_ids=[venue_id])
        assert list(refused.value.details["errors"]) == ["venue_ids"]
    change_member(actor=owner, membership_id=membership_of(staff).pk, venue_ids=[venue.pk])
    change_member(actor=owner, membership_id=membership_of(staff).pk, role=Role.MANAGER)
    assert membership_of(staff).venue_ids == []


# --- Who changes whom ---------------------------------------------------------------


def test_managers_change_staff_and_owners_everybody(organization, owner, manager, staff) -> None:
    other = account(make_member(organization, Role.OWNER).pk)
    for actor, member, role in (
        (manager, staff, Role.MANAGER),
        (manager, owner, Role.STAFF),
        (manager, manager, Role.OWNER),
        (staff, staff, Role.MANAGER),
        (staff, manager, Role.STAFF),
    ):
        with pytest.raises(Forbidden):
            change_member(actor=actor, membership_id=membership_of(member).pk, role=role)
    with pytest.raises(Forbidden):
        remove_member(actor=staff, membership_id=membership_of(manager).pk)
    with pytest.raises(Forbidden):
        remove_member(actor=manager, membership_id=membership_of(owner).pk)
    change_member(actor=owner, membership_id=membership_of(other).pk, role=Role.STAFF)
    remove_member(actor=manager, membership_id=membership_of(other).pk)
    assert User.objects.get(pk=other.user_id).is_staff is False


def test_strangers_find_no_members(organization, owner, staff) -> None:
    for stranger in (ANONYMOUS, make_customer(), account(make_member(make_organization()).pk)):
        with pytest.raises(NotFound):
            change_member(actor=stranger, membership_id=membership_of(staff).pk, role=Role.OWNER)
        with pytest.raises(NotFound):
            remove_member(actor=stranger, membership_id=membership_of(staff).pk)
        with pytest.raises(NotFound):
            selectors.members_page(
                actor=stranger, organization_id=organization.pk, first=10, after=None
            )
        with pytest.raises(NotFound):
            invite_member(
                actor=stranger,
                organization_id=organization.pk,
                email="x@example.com",
                role=Role.STAFF,
            )


def test_the_last_owner_stays_one(organization, owner, staff) -> None:
    mine = membership_of(owner).pk
    suspended = make_member(organization, Role.OWNER, is_active=False)
    with pytest.raises(LastOwner):
        change_member(actor=owner, membership_id=mine, role=Role.MANAGER)
    with pytest.raises(LastOwner):
        remove_member(actor=owner, membership_id=mine)
    with pytest.raises(LastOwner):
        add_member(
            actor=SYSTEM,
            organization=organization,
            user=User.objects.get(pk=owner.user_id),
            role=Role.STAFF,
        )
    change_member(actor=owner, membership_id=membership_of(staff).pk, role=Role.OWNER)
    remove_member(actor=owner, membership_id=mine)
    assert (
        list(organization.memberships.values_list("user_id", flat=True).order_by("role"))
        == [
            suspended.pk,
            staff.user_id,
        ]
        or organization.memberships.count() == 2
    )


def test_everybody_may_leave(organization, owner, staff) -> None:
    remove_member(actor=staff, membership_id=membership_of(staff).pk)
    assert not selectors.is_member(actor=staff, organization_id=organization.pk)


# --- Invitations ----------------------------------------------------------------------


def test_an_invited_person_joins_by_the_link(organization, manager, mails) -> None:
    venue = make_venue(organization=organization)
    user = make_user(email="new@example.org", locale="en")
    invite_member(
        actor=manager,
        organization_id=organization.pk,
        email=" NEW@example.org ",
        role=Role.STAFF,
        venue_ids=[venue.pk],
    )
    (message,) = mails()
    assert message.to == ["new@example.org"]
    assert organization.name in message.subject
    assert "/account/accept-invitation?token=" in link_in(message)

    with pytest.raises(Forbidden):
        accept_invitation(actor=make_customer(), token=token_in(message))
    with pytest.raises(Unauthenticated):
        accept_invitation(actor=ANONYMOUS, token=token_in(message))
    membership = accept_invitation(actor=account(user.pk), token=token_in(message))
    assert (membership.role, membership.venue_ids) == (Role.STAFF, [venue.pk])
    assert selectors.is_verified(user.pk)
    assert membership.user.is_staff
    with pytest.raises(LinkRefused):
        accept_invitation(actor=account(user.pk), token=token_in(message))


def test_who_may_invite_whom(organization, owner, manager, staff) -> None:
    def invite(actor: Actor, role: Role) -> Invitation:
        return invite_member(
            actor=actor, organization_id=organization.pk, email="a@example.org", role=role
        )

    for role in Role:
        invite(owner, role)
        with pytest.raises(Forbidden):
            invite(staff, role)
    invite(manager, Role.STAFF)
    for role in (Role.MANAGER, Role.OWNER):
        with pytest.raises(Forbidden):
            invite(manager, role)
    # A new offer takes the place of the one before.
    page = selectors.invitations_page(
        actor=owner, organization_id=organization.pk, first=10, after=None
    )
    assert [invitation.role for invitation in page.items] == [Role.STAFF]
    with pytest.raises(Forbidden):
        selectors.invitations_page(
            actor=staff, organization_id=organization.pk, first=10, after=None
        )


def test_members_are_not_invited_again(organization, owner, staff) -> None:
    user = User.objects.get(pk=staff.user_id)
    with pytest.raises(WorksHereAlready):
        invite_member(
            actor=owner, organization_id=organization.pk, email=user.email, role=Role.OWNER
        )


def test_an_offer_that_was_taken_back_replaced_or_is_too_old_is_none(organization, owner) -> None:
    user = make_user(email="a@example.org")

    def invite() -> Invitation:
        return invite_member(
            actor=owner, organization_id=organization.pk, email=user.email, role=Role.STAFF
        )

    revoked = invite()
    revoke_invitation(actor=owner, invitation_id=revoked.pk)
    with pytest.raises(NotFound):
        revoke_invitation(actor=owner, invitation_id=revoked.pk)
    replaced, old = invite(), invite()
    Invitation.objects.filter(pk=old.pk).update(expires_at=now() - timedelta(seconds=1))
    old.refresh_from_db()
    for invitation in (revoked, replaced, old):
        token = make_token(Purpose.ACCEPT_INVITATION, invitation)
        with pytest.raises(LinkRefused):
            accept_invitation(actor=account(user.pk), token=token)
    assert not Membership.objects.filter(user=user).exists()


def test_somebody_new_opens_an_account_with_the_offer(organization, owner, mails) -> None:
    invite_member(
        actor=owner, organization_id=organization.pk, email="new@example.org", role=Role.MANAGER
    )
    (message,) = mails()
    with pytest.raises(Invalid):
        accept_with_password(token=token_in(message), password=PASSWORD)
    membership = accept_as_new(token=token_in(message), name="New Person", password=PASSWORD)
    assert (membership.user.email, membership.role) == ("new@example.org", Role.MANAGER)
    assert selectors.is_verified(membership.user_id)


def test_an_account_is_opened_with_the_role_or_not_at_all(organization, owner, monkeypatch) -> None:
    invitation = invite_member(
        actor=owner, organization_id=organization.pk, email="new@example.org", role=Role.STAFF
    )
    token = make_token(Purpose.ACCEPT_INVITATION, invitation)

    def revoke_meanwhile(**person: str) -> User:
        revoke_invitation(actor=owner, invitation_id=invitation.pk)
        return new_person(**person)

    monkeypatch.setattr("accounts.services.invitations.new_person", revoke_meanwhile)
    with pytest.raises(LinkRefused):
        accept_as_new(token=token, name="New Person", password=PASSWORD)
    assert not User.objects.filter(email="new@example.org").exists()
    assert organization.memberships.count() == 1


def test_the_password_of_the_invited_account_is_enough(organization, owner, mails) -> None:
    make_user(email="known@example.org")
    invite_member(
        actor=owner, organization_id=organization.pk, email="known@example.org", role=Role.STAFF
    )
    (message,) = mails()
    with pytest.raises(Invalid):
        accept_as_new(token=token_in(message), name="Thief", password=PASSWORD)
    with pytest.raises(Invalid):
        accept_with_password(token=token_in(message), password="wrong")
    assert accept_with_password(token=token_in(message), password=PASSWORD).role == Role.STAFF


def test_administrators_add_organizations(mails) -> None:
    administrator = account(make_user(is_superuser=True).pk)
    with pytest.raises(Forbidden):
        create_organization(actor=make_customer(), name="Mine", slug="mine")
    with pytest.raises(Unauthenticated):
        create_organization(actor=ANONYMOUS, name="Mine", slug="mine")
    for name, slug in (("", "a"), ("A\u202e", "a"), ("A", "not a slug"), ("A", "a" * 65)):
        with pytest.raises(Invalid):
            create_organization(actor=administrator, name=name, slug=slug)
    organization = create_organization(actor=administrator, name="Kestrel", slug="kestrel")
    with pytest.raises(Invalid):
        create_organization(actor=administrator, name="Other", slug="kestrel")
    invite_member(
        actor=administrator, organization_id=organization.pk, email="o@example.org", role=Role.OWNER
    )
    assert len(mails()) == 1
