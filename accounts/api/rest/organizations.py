from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors
from accounts.api.authentication import actor_of
from accounts.api.rest.passwords import LinkSerializer
from accounts.api.venue_ids import format_venue_ids, parse_venue_ids
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.person import PERSON_LIMITS
from accounts.services import invitations, memberships, organizations
from reserve.core.errors import Conflict, Forbidden
from reserve.core.ids import ULID_PATTERN
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import SLUG_PATTERN, IdField, OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import PageQuery, page_response, page_schema
from reserve.core.rest.serializers import StrictCharField, StrictSerializer, body_of
from reserve.core.rest.views import View, changed_at


class OrganizationSerializer(serializers.Serializer[Organization]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("org"),
        "name": "Nordlys",
        "slug": "nordlys",
    }
    id = OwnIdField(Organization)
    name = serializers.CharField()
    slug = serializers.CharField()


class MemberSerializer(serializers.Serializer[Membership]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("member"),
        "user_id": example_id("user"),
        "name": "Grace Hopper",
        "email": "grace@example.com",
        "role": "STAFF",
        "venue_ids": [example_id("venue")],
        "created_at": "2030-04-01T09:30:00Z",
    }
    id = OwnIdField(Membership)
    user_id = IdField(User)
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=Role.choices)
    venue_ids = serializers.SerializerMethodField(
        help_text="Where staff work; everywhere where there are none."
    )
    created_at = serializers.DateTimeField()

    def get_venue_ids(self, membership: Membership) -> list[str]:
        return format_venue_ids(membership.venue_ids)


class InvitationSerializer(serializers.Serializer[Invitation]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("invitation"),
        "email": "grace@example.com",
        "role": "STAFF",
        "venue_ids": [],
        "created_at": "2030-04-01T09:30:00Z",
        "expires_at": "2030-04-08T09:30:00Z",
    }
    id = OwnIdField(Invitation)
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    venue_ids = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    def get_venue_ids(self, invitation: Invitation) -> list[str]:
        return format_venue_ids(invitation.venue_ids)


class NewOrganizationSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {
        "name": {"maxLength": organizations.MAX_NAME},
        "slug": {"maxLength": organizations.MAX_SLUG, "pattern": SLUG_PATTERN},
    }

    name = StrictCharField()
    slug = StrictCharField(help_text="A short name for addresses.")


class RoleField(serializers.ChoiceField):
    """One of the roles, by its name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=Role.choices, **options)

    def to_internal_value(self, data: Any) -> Role:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=type(data).__name__)
        return Role(super().to_internal_value(data))


class VenueIdsField(serializers.ListField):
    child = StrictCharField()


_VENUE_IDS = {
    "maxItems": memberships.MAX_VENUES,
    "items": {"type": "string", "pattern": f"^venue_{ULID_PATTERN}$"},
}


class InviteSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {
        "email": PERSON_LIMITS["email"],
        "venue_ids": _VENUE_IDS,
    }

    email = StrictCharField()
    role = RoleField()
    venue_ids = VenueIdsField(default=list, help_text="Where staff work; everywhere by default.")


class MemberChangeSerializer(StrictSerializer):
    """What is left out stays as it is."""

    limits: ClassVar[Mapping[str, Any]] = {"venue_ids": _VENUE_IDS}

    role = RoleField(required=False)
    venue_ids = VenueIdsField(required=False)


class OrganizationsView(View):
    @operation(
        "list_organizations",
        query=PageQuery,
        answers=page_schema("Organization", OrganizationSerializer),
        login=Login.REQUIRED,
    )
    def get(self, request: Request) -> Response:
        """The organizations that the caller works for, by name."""
        page = selectors.organizations_page(actor=actor_of(request), **self.asked)
        return page_response(request, page, OrganizationSerializer().to_representation)

    @operation(
        "create_organization",
        body=NewOrganizationSerializer,
        example={"name": "Nordlys", "slug": "nordlys"},
        answers=OrganizationSerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def post(self, request: Request) -> Response:
        """Add an organization; for administrators, who then invite its owner."""
        body = body_of(request, NewOrganizationSerializer)
        organization = organizations.create_organization(actor=actor_of(request), **body)
        headers = {"Location": reverse("organization", args=[organization.public_id])}
        return Response(OrganizationSerializer(organization).data, status=201, headers=headers)


class OrganizationView(View):
    @operation("get_organization", answers=OrganizationSerializer, login=Login.REQUIRED)
    def get(self, request: Request, organization: str) -> Response:
        """An organization that the caller works for."""
        found = selectors.visible_organization(
            actor=actor_of(request), organization_id=Organization.parse_id(organization)
        )
        return Response(OrganizationSerializer(found).data)


class MembersView(View):
    @operation(
        "list_members",
        query=PageQuery,
        answers=page_schema("Member", MemberSerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, organization: str) -> Response:
        """Those who work for an organization, by role."""
        page = selectors.members_page(
            actor=actor_of(request),
            organization_id=Organization.parse_id(organization),
            **self.asked,
        )
        return page_response(request, page, MemberSerializer().to_representation)


class MemberView(View):
    @operation(
        "update_member",
        body=MemberChangeSerializer,
        example={"role": "MANAGER"},
        answers=MemberSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def patch(self, request: Request, organization: str, membership: str) -> Response:
        """Give a member another role, or other venues to work at."""
        organization_id = Organization.parse_id(organization)
        membership_id = Membership.parse_id(membership)
        body = body_of(request, MemberChangeSerializer)
        venue_ids = body.get("venue_ids")
        changed = memberships.change_member(
            actor=actor_of(request),
            membership_id=membership_id,
            organization_id=organization_id,
            role=body.get("role"),
            venue_ids=None if venue_ids is None else parse_venue_ids(venue_ids),
        )
        return Response(MemberSerializer(changed).data)

    @operation("remove_member", status=204, login=Login.REQUIRED, refusals=(Forbidden, Conflict))
    def delete(self, request: Request, organization: str, membership: str) -> Response:
        """End a membership; everybody may end their own."""
        memberships.remove_member(
            actor=actor_of(request),
            membership_id=Membership.parse_id(membership),
            organization_id=Organization.parse_id(organization),
        )
        return Response(status=204)


class InvitationsView(View):
    @operation(
        "list_invitations",
        query=PageQuery,
        answers=page_schema("Invitation", InvitationSerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, organization: str) -> Response:
        """The invitations that may still be accepted, by address."""
        page = selectors.invitations_page(
            actor=actor_of(request),
            organization_id=Organization.parse_id(organization),
            **self.asked,
        )
        return page_response(request, page, InvitationSerializer().to_representation)

    @operation(
        "invite_member",
        body=InviteSerializer,
        example={"email": "grace@example.com", "role": "STAFF"},
        answers=InvitationSerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def post(self, request: Request, organization: str) -> Response:
        """Offer a role to an address. Managers invite staff; owners, anybody."""
        organization_id = Organization.parse_id(organization)
        body = body_of(request, InviteSerializer)
        invitation = invitations.invite_member(
            actor=actor_of(request),
            organization_id=organization_id,
            email=body["email"],
            role=body["role"],
            venue_ids=parse_venue_ids(body["venue_ids"]),
        )
        headers = {"Location": reverse("invitation", args=[organization, invitation.public_id])}
        return Response(InvitationSerializer(invitation).data, status=201, headers=headers)


class InvitationView(View):
    @operation(
        "get_invitation",
        answers=InvitationSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden,),
        last_modified=True,
    )
    def get(self, request: Request, organization: str, invitation: str) -> Response:
        """An invitation that may still be accepted."""
        found = selectors.visible_invitation(
            actor=actor_of(request),
            invitation_id=Invitation.parse_id(invitation),
            organization_id=Organization.parse_id(organization),
        )
        headers = changed_at(found.created_at)
        return Response(InvitationSerializer(found).data, headers=headers)

    @operation("revoke_invitation", status=204, login=Login.REQUIRED, refusals=(Forbidden,))
    def delete(self, request: Request, organization: str, invitation: str) -> Response:
        """Take an invitation back."""
        invitations.revoke_invitation(
            actor=actor_of(request),
            invitation_id=Invitation.parse_id(invitation),
            organization_id=Organization.parse_id(organization),
        )
        return Response(status=204)


class AcceptInvitationView(View):
    @operation(
        "accept_invitation",
        body=LinkSerializer,
        example={"token": "eyJ0IjoiZXhhbXBsZSJ9:1tZ0aB:c2lnbmF0dXJl"},
        answers=MemberSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def post(self, request: Request) -> Response:
        """Take the role that was offered to the caller's address."""
        body = body_of(request, LinkSerializer)
        membership = invitations.accept_invitation(actor=actor_of(request), **body)
        return Response(MemberSerializer(membership).data)
