"""Each scenario of people through REST and through GraphQL: the same code, the same rows."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.actors import ANONYMOUS, Actor, account
from accounts.links import Purpose, make_token
from accounts.models import Invitation, Login, Membership, Organization, Role, User
from accounts.selectors import is_verified
from accounts.services.suspension import suspend_user
from reserve.core.ids import new_id
from reserve.outbox.models import Event
from tests.clients import Answer, GraphQLApi, RestApi
from tests.factories import (
    PASSWORD,
    bearer,
    make_customer,
    make_login_user,
    make_member,
    make_organization,
    make_user,
    make_venue,
)

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "another long sentence 7"


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# Each operation: its GraphQL field, input and selection; its REST method and path.
# Inputs are written as REST has them.
OPERATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "register": ("register", "RegisterInput", "{ user { id } }", "POST", "/auth/register"),
    "verify email": ("verifyEmail", "VerifyEmailInput", "", "POST", "/auth/verify-email"),
    "request verification": (
        *("requestEmailVerification", "", ""),
        *("POST", "/auth/request-email-verification"),
    ),
    "request email change": (
        *("requestEmailChange", "RequestEmailChangeInput", ""),
        *("POST", "/auth/request-email-change"),
    ),
    "confirm email change": (
        *("confirmEmailChange", "ConfirmEmailChangeInput", ""),
        *("POST", "/auth/confirm-email-change"),
    ),
    "request reset": (
        *("requestPasswordReset", "RequestPasswordResetInput", ""),
        *("POST", "/auth/request-password-reset"),
    ),
    "reset": ("resetPassword", "ResetPasswordInput", "", "POST", "/auth/reset-password"),
    "change password": (
        *("changePassword", "ChangePasswordInput", ""),
        *("POST", "/auth/change-password"),
    ),
    "update profile": ("updateProfile", "UpdateProfileInput", "{ id }", "PATCH", "/me"),
    "delete account": ("deleteAccount", "DeleteAccountInput", "", "DELETE", "/me"),
    "create organization": (
        *("createOrganization", "CreateOrganizationInput", "{ id }"),
        *("POST", "/organizations"),
    ),
    "invite": (
        *("inviteMember", "InviteMemberInput", "{ id }"),
        *("POST", "/organizations/{organization_id}/invitations"),
    ),
    "accept": (
        *("acceptInvitation", "AcceptInvitationInput", "{ id role venueIds }"),
        *("POST", "/invitations/accept"),
    ),
    "change member": (
        *("changeMember", "ChangeMemberInput", "{ id role venueIds }"),
        *("PATCH", "/organizations/{organization_id}/members/{id}"),
    ),
}


class People:
    """Both APIs, asked for the same things in the same words."""

    def __init__(self, address: str, kind: str) -> None:
        self.kind = kind
        self.graphql, self.rest = GraphQLApi(address), RestApi(address)

    def ask(self, operation: str, actor: Actor = ANONYMOUS, /, **values: Any) -> Answer:
        field, input_type, selection, method, path = OPERATIONS[operation]
        if self.kind == "rest":
            body = {key: value for key, value in values.items() if f"{{{key}}}" not in path}
            response = self.rest.send(method, path.format(**values), body or None, actor)
            return _answer(response)
        if field == "changeMember":
            values.pop("organization_id")
        variables = {_camel_case(key): value for key, value in values.items()}
        declared, argument = (
            (f"($input: {input_type}!)", "(input: $input)") if input_type else ("", "")
        )
        document = f"mutation Ask{declared} {{ {field}{argument} {selection} }}"
        return self.graphql.ask(document, {"input": variables} if input_type else None, actor)


def _answer(response: httpx.Response) -> Answer:
    body = response.json() if response.content else None
    return Answer(body["code"] if response.is_error else None, body)


@pytest.fixture(params=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> People:
    return People(server, request.param)


ADA = {"email": "ada@example.org", "password": PASSWORD, "name": "Ada Lovelace"}


def test_registering(api: People) -> None:
    assert api.ask("register", **ADA, locale="da", timezone="Europe/Copenhagen").code is None
    user = User.objects.get()
    assert (user.email, user.name, user.locale) == ("ada@example.org", "Ada Lovelace", "da")
    assert Login.objects.filter(user=user).count() == 1
    assert api.ask("register", **(ADA | {"email": " ADA@example.org "})).code == "BAD_USER_INPUT"
    assert User.objects.count() == 1


# What a registration cannot say.
NONSENSE: tuple[dict[str, Any], ...] = (
    {"role": "OWNER"},
    {"is_staff": True},
    {"isStaff": True},
    {"is_superuser": True},
    {"email_verified_at": "2026-01-01T00:00:00Z"},
    {"email": "nonsense"},
    {"email": None},
    {"email": 7},
    {"email": ["ada@example.org"]},
    {"password": 12345678901},
    {"password": "short"},
    {"password": True},
    {"name": ""},
    {"name": "A\0"},
    {"name": "A\u202eB"},
    {"name": "A\nB"},
    {"name": "A" * 201},
    {"name": {"first": "Ada"}},
    {"locale": "english"},
    {"timezone": "Mars/Olympus"},
    {"phone": "call me"},
)


def test_a_registration_that_makes_no_sense_leaves_nothing(api: People) -> None:
    for change in NONSENSE:
        assert api.ask("register", **(ADA | change)).code == "BAD_USER_INPUT", change
    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_verifying_an_address(api: People) -> None:
    user = make_user()
    assert api.ask("request verification").code == "UNAUTHENTICATED"
    assert api.ask("request verification", account(user.pk)).code is None
    token = make_token(Purpose.VERIFY_EMAIL, user)
    assert api.ask("verify email", token=token).code is None
    assert is_verified(user.pk)
    assert api.ask("verify email", token=token).code == "BAD_USER_INPUT"
    assert api.ask("request verification", account(user.pk)).code == "INVALID_STATE"


def test_a_forgotten_password(api: People) -> None:
    user = make_login_user()
    known = api.ask("request reset", email=user.email)
    unknown = api.ask("request reset", email="who@example.org")
    assert known == unknown
    assert known.code is None
    token = make_token(Purpose.RESET_PASSWORD, user)
    assert api.ask("reset", token=token, password="short").code == "BAD_USER_INPUT"
    user.refresh_from_db()
    token = make_token(Purpose.RESET_PASSWORD, user)
    assert api.ask("reset", token=token, password=NEW).code is None
    assert api.ask("reset", token=token, password=NEW).code == "BAD_USER_INPUT"


def test_a_changed_password_keeps_this_login_and_ends_the_others(api: People) -> None:
    user = make_login_user()
    credentials = {"email": user.email, "password": PASSWORD}
    here, there = (
        api.rest.send("POST", "/auth/login", credentials).json()["refresh_token"] for _ in range(2)
    )
    values = {"current_password": PASSWORD, "new_password": NEW}
    assert api.ask("change password", **values).code == "UNAUTHENTICATED"
    wrong = api.ask("change password", account(user.pk), **(values | {"current_password": "x"}))
    assert wrong.code == "BAD_USER_INPUT"
    first = Login.objects.order_by("created_at")[0]
    actor = account(user.pk, first.pk)
    assert api.ask("change password", actor, **values).code is None
    assert Login.objects.get(pk=first.pk).revoked_at is None
    assert api.rest.send("POST", "/auth/refresh", {"refresh_token": here}).status_code == 200
    assert api.rest.send("POST", "/auth/refresh", {"refresh_token": there}).status_code == 401


def test_another_address(api: People) -> None:
    user = make_login_user()
    actor = account(user.pk)
    change = {"email": "new@example.org", "password": PASSWORD}
    assert api.ask("request email change", **change).code == "UNAUTHENTICATED"
    wrong = api.ask("request email change", actor, **(change | {"password": "x"}))
    assert wrong.code == "BAD_USER_INPUT"
    assert api.ask("request email change", actor, **change).code is None
    user.refresh_from_db()
    token = make_token(Purpose.CHANGE_EMAIL, user)
    assert api.ask("confirm email change", token=token).code is None
    assert User.objects.get(pk=user.pk).email == "new@example.org"


def test_the_profile(api: People) -> None:
    user = make_user()
    actor = account(user.pk)
    assert api.ask("update profile", name="Ada").code == "UNAUTHENTICATED"
    assert api.ask("update profile", actor, name="Ada", timezone="Asia/Tokyo").code is None
    user.refresh_from_db()
    assert (user.name, user.timezone) == ("Ada", "Asia/Tokyo")
    for change in ({"name": " "}, {"email": "a@b.example"}, {"is_active": False}, {"locale": 7}):
        assert api.ask("update profile", actor, **change).code == "BAD_USER_INPUT"


def test_leaving(api: People) -> None:
    user = make_login_user(email="ada@example.org")
    actor = account(user.pk)
    assert api.ask("delete account", actor, password="wrong").code == "BAD_USER_INPUT"
    owned = make_organization()
    Membership.objects.create(organization=owned, user=user, role=Role.OWNER)
    assert api.ask("delete account", actor, password=PASSWORD).code == "INVALID_STATE"
    make_member(owned, Role.OWNER)
    assert api.ask("delete account", actor, password=PASSWORD).code is None
    assert not User.objects.filter(email="ada@example.org").exists()
    assert api.ask("update profile", actor, name="Ada").code == "UNAUTHENTICATED"


def test_the_export_is_the_same(server: str) -> None:
    user = make_user()
    rest = RestApi(server).ask("GET", "/me/export", None, account(user.pk))
    graphql = GraphQLApi(server).ask("{ exportAccount }", None, account(user.pk))
    assert rest.body == graphql.body
    assert rest.body["account"]["email"] == user.email
    assert RestApi(server).ask("GET", "/me/export").code == "UNAUTHENTICATED"


# --- Organizations -------------------------------------------------------------------


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
