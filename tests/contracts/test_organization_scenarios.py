"""Each scenario of organizations and their members through REST and through GraphQL."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.actors import ANONYMOUS, Actor, account
from accounts.links import Purpose, make_token
from accounts.models import Invitation, Membership, Organization, Role
from accounts.services.suspension import suspend_user
from reserve.core.ids import new_id
from tests.clients import GraphQLApi, RestApi
from tests.contracts.people import People
from tests.factories import (
    bearer,
    make_customer,
    make_member,
    make_organization,
    make_user,
    make_venue,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> People:
    return People(server, request.param)


def test_an_organization_is_added_by_administrators(api: People) -> None:
    values = {"name": "Kestrel", "slug": "kestrel"}
    administrator = account(make_user(is_superuser=True).pk)
    assert api.ask("create organization", **values).code == "UNAUTHENTICATED"
    assert api.ask("create organization", make_customer(), **values).code == "FORBIDDEN"
    assert api.ask("create organization", administrator, **values).code is None
    assert api.ask("create organization", administrator, **values).code == "BAD_USER_INPUT"
    assert Organization.objects.count() == 1


def _owner(organization: Organization) -> Actor:
    return account(make_member(organization, Role.OWNER).pk)


def _manager(organization: Organization) -> Actor:
    return account(make_member(organization, Role.MANAGER).pk)


def _staff(organization: Organization) -> Actor:
    return account(make_member(organization, Role.STAFF).pk)


def _stranger(_organization: Organization) -> Actor:
    return make_customer()


def _foreign_owner(_organization: Organization) -> Actor:
    return _owner(make_organization())


def _suspended_owner(organization: Organization) -> Actor:
    """They still have the token of a login that ended with their suspension."""
    owner = make_member(organization, Role.OWNER)
    actor = account(owner.pk)
    assert bearer(actor)
    administrator = account(make_user(is_staff=True, is_superuser=True).pk)
    suspend_user(actor=administrator, user_id=owner.pk)
    return actor


def _nobody(_organization: Organization) -> Actor:
    return ANONYMOUS


@pytest.mark.parametrize(
    ("who", "staff", "manager"),
    [
        (_owner, None, None),
        (_manager, None, "FORBIDDEN"),
        (_staff, "FORBIDDEN", "FORBIDDEN"),
        (_stranger, "NOT_FOUND", "NOT_FOUND"),
        (_foreign_owner, "NOT_FOUND", "NOT_FOUND"),
        (_suspended_owner, "UNAUTHENTICATED", "UNAUTHENTICATED"),
        (_nobody, "NOT_FOUND", "NOT_FOUND"),
    ],
)
def test_who_invites_and_changes_whom(
    api: People,
    who: Callable[[Organization], Actor],
    staff: str | None,
    manager: str | None,
) -> None:
    organization = make_organization()
    member = Membership.objects.get(user=make_member(organization, Role.STAFF))
    actor = who(organization)
    here = {"organization_id": organization.public_id}
    for role, code in ((Role.STAFF, staff), (Role.MANAGER, manager)):
        invited = api.ask("invite", actor, **here, email=f"{role}@example.org", role=role)
        assert invited.code == code
        changed = api.ask("change member", actor, **here, id=member.public_id, role=role)
        assert changed.code == code
    assert Invitation.objects.count() == [staff, manager].count(None)


def test_an_invitation_is_taken(api: People) -> None:
    venue = make_venue()
    organization = venue.organization
    values = {
        "organization_id": organization.public_id,
        "email": "ada@example.org",
        "role": "STAFF",
        "venue_ids": [venue.public_id],
    }
    owner = _owner(organization)
    for wrong in (
        {"email": "nonsense"},
        {"role": "GOD"},
        {"role": 7},
        {"venue_ids": ["org_1"]},
        {"venue_ids": [make_venue().public_id]},
        {"venue_ids": [f"venue_{'0' * 26}"]},
        {"role": "OWNER"},
        {"is_staff": True},
    ):
        assert api.ask("invite", owner, **(values | wrong)).code == "BAD_USER_INPUT", wrong
    assert api.ask("invite", owner, **values).code is None
    token = make_token(Purpose.ACCEPT_INVITATION, Invitation.objects.get())
    user = make_user(email="ada@example.org")
    assert api.ask("accept", token=token).code == "UNAUTHENTICATED"
    assert api.ask("accept", make_customer(), token=token).code == "FORBIDDEN"
    taken = api.ask("accept", account(user.pk), token=token)
    assert taken.code is None
    assert [venue.public_id] in taken.body.values()
    assert api.ask("accept", account(user.pk), token=token).code == "BAD_USER_INPUT"


def test_the_last_owner_cannot_be_less(api: People) -> None:
    organization = make_organization()
    owner = _owner(organization)
    member = Membership.objects.get()
    values = {"organization_id": organization.public_id, "id": member.public_id, "role": "STAFF"}
    assert api.ask("change member", owner, **values).code == "INVALID_STATE"


def test_members_and_invitations_are_listed_ended_and_taken_back(server: str) -> None:
    rest, graphql = RestApi(server), GraphQLApi(server)
    organization = make_organization()
    path = f"/organizations/{organization.public_id}"
    owner, staff = _owner(organization), _staff(organization)
    for name in ("a", "b", "c"):
        body = {"email": f"{name}@example.org", "role": "STAFF"}
        created = rest.send("POST", f"{path}/invitations", body, owner)
        assert created.status_code == 201
        found = rest.ask("GET", created.headers["location"].removeprefix("/api/v1"), None, owner)
        assert found.body == created.json()

    document = """query($id: ID!) { organization(id: $id) { id name slug
        members { totalCount edges { node { id userId name email role venueIds } } }
        invitations { totalCount edges { node { id email role } } } } }"""
    by_graphql = graphql.ask(document, {"id": organization.public_id}, owner).body
    by_rest = rest.ask("GET", f"{path}/members", None, owner).body
    assert by_rest["count"] == by_graphql["members"]["totalCount"] == 2
    assert [member["id"] for member in by_rest["results"]] == [
        edge["node"]["id"] for edge in by_graphql["members"]["edges"]
    ]

    first = rest.ask("GET", f"{path}/invitations?first=2", None, owner).body
    assert (first["count"], len(first["results"]), first["previous"]) == (3, 2, None)
    second = rest.ask("GET", first["next"].removeprefix("/api/v1"), None, owner).body
    assert (len(second["results"]), second["next"]) == (1, None)
    assert rest.ask("GET", second["previous"], None, owner).body["results"] == first["results"]
    for query in ("first=0", "first=x", "after=nonsense", "page=2"):
        assert rest.ask("GET", f"{path}/members?{query}", None, owner).code == "BAD_USER_INPUT"

    assert rest.ask("GET", f"{path}/invitations", None, staff).code == "FORBIDDEN"
    assert rest.ask("GET", f"{path}/members", None, staff).code is None
    names = [one["name"] for one in rest.ask("GET", "/organizations", None, staff).body["results"]]
    assert names == [organization.name]
    assert rest.ask("GET", "/organizations").code == "UNAUTHENTICATED"

    revoked = first["results"][0]["id"]
    assert rest.send("DELETE", f"{path}/invitations/{revoked}", None, staff).status_code == 403
    assert rest.send("DELETE", f"{path}/invitations/{revoked}", None, owner).status_code == 204
    kept = first["results"][1]["id"]
    revoke = "mutation($id: ID!) { revokeInvitation(id: $id) }"
    assert graphql.ask(revoke, {"id": kept}, owner).body is True
    remove = "mutation($id: ID!) { removeMember(id: $id) }"
    member = Membership.objects.get(user_id=staff.user_id).public_id
    assert graphql.ask(remove, {"id": member}, _manager(organization)).body is True
    assert rest.ask("GET", f"{path}/members", None, staff).code == "NOT_FOUND"


def test_what_is_foreign_and_what_is_absent_look_alike(server: str) -> None:
    rest, owner = RestApi(server), _owner(make_organization())
    theirs = make_organization()
    member = Membership.objects.get(user=make_member(theirs))
    invitation = Invitation.objects.create(
        organization=theirs, email="a@example.org", role=Role.STAFF, expires_at="2099-01-01T00:00Z"
    )
    mine = f"/organizations/{Membership.objects.get(user_id=owner.user_id).organization.public_id}"
    absent = Organization.format_id(new_id())
    there, nowhere = f"/organizations/{theirs.public_id}", f"/organizations/{absent}"

    def told(method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        response = rest.send(method, path, body, owner)
        problem = response.json()
        problem.pop("request_id")
        return response.status_code, problem

    for method, path, body in (
        ("GET", "", None),
        ("GET", "/members", None),
        ("GET", "/invitations", None),
        ("POST", "/invitations", {"email": "b@example.org", "role": "STAFF"}),
        ("PATCH", f"/members/{member.public_id}", {"role": "OWNER"}),
        ("DELETE", f"/members/{member.public_id}", None),
        ("GET", f"/invitations/{invitation.public_id}", None),
        ("DELETE", f"/invitations/{invitation.public_id}", None),
    ):
        foreign = told(method, there + path, body)
        assert foreign[0] == 404
        assert foreign == told(method, nowhere + path, body)
        if path.startswith(("/members/", "/invitations/")):
            assert foreign == told(method, mine + path, body)
    assert bearer(owner)


@pytest.mark.parametrize("path", ["/organizations/org_1", "/organizations/user_1/members"])
def test_an_id_of_the_wrong_kind_is_bad_input(server: str, path: str) -> None:
    assert RestApi(server).ask("GET", path, None, make_customer()).code == "BAD_USER_INPUT"
