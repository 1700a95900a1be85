from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors
from accounts.api.authentication import actor_of
from accounts.api.rest.passwords import LinkSerializer
from accounts.api.venue_ids import format_venue_ids, parse_venue_ids
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services import invitations, memberships, organizations
from reserve.core.rest.pages import PageQuery, page_asked_for, page_response, page_schema
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class OrganizationSerializer(serializers.Serializer[Organization]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    slug = serializers.CharField()


class MemberSerializer(serializers.Serializer[Membership]):
    id = serializers.CharField(source="public_id")
    user_id = serializers.SerializerMethodField()
    name = serializers.CharField(source="user.name")
    email = serializers.CharField(source="user.email")
    role = serializers.ChoiceField(choices=Role.choices)
    venue_ids = serializers.SerializerMethodField(
        help_text="Where staff work; everywhere where there are none."
    )
    created_at = serializers.DateTimeField()

    def get_user_id(self, membership: Membership) -> str:
        return User.format_id(membership.user_id)

    def get_venue_ids(self, membership: Membership) -> list[str]:
        return format_venue_ids(membership.venue_ids)


class InvitationSerializer(serializers.Serializer[Invitation]):
    id = serializers.CharField(source="public_id")
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    venue_ids = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    def get_venue_ids(self, invitation: Invitation) -> list[str]:
        return format_venue_ids(invitation.venue_ids)


class NewOrganizationSerializer(StrictSerializer):
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


class InviteSerializer(StrictSerializer):
    email = StrictCharField()
    role = RoleField()
    venue_ids = VenueIdsField(default=list, help_text="Where staff work; everywhere by default.")


class MemberChangeSerializer(StrictSerializer):
    """What is left out stays as it is."""

    role = RoleField(required=False)
    venue_ids = VenueIdsField(required=False)


class OrganizationsView(APIView):
    @extend_schema(
        operation_id="organizations_list",
        parameters=[PageQuery],
        responses=page_schema("Organization", OrganizationSerializer),
    )
    def get(self, request: Request) -> Response:
        """The organizations that the caller works for, by name."""
        page = selectors.organizations_page(actor=actor_of(request), **page_asked_for(request))
        return page_response(request, page, OrganizationSerializer().to_representation)

    @extend_schema(request=NewOrganizationSerializer, responses={201: OrganizationSerializer})
    def post(self, request: Request) -> Response:
        """Add an organization; for administrators, who then invite its owner."""
        body = NewOrganizationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        organization = organizations.create_organization(
            actor=actor_of(request), **body.validated_data
        )
        headers = {"Location": reverse("organization", args=[organization.public_id])}
        return Response(OrganizationSerializer(organization).data, status=201, headers=headers)


class OrganizationView(APIView):
    @extend_schema(responses=OrganizationSerializer)
    def get(self, request: Request, organization: str) -> Response:
        """An organization that the caller works for."""
        found = selectors.visible_organization(
            actor=actor_of(request), organization_id=Organization.parse_id(organization)
        )
        return Response(OrganizationSerializer(found).data)


class MembersView(APIView):
    @extend_schema(
        operation_id="organizations_members_list",
        parameters=[PageQuery],
        responses=page_schema("Member", MemberSerializer),
    )
    def get(self, request: Request, organization: str) -> Response:
        """Those who work for an organization, by role."""
        page = selectors.members_page(
            actor=actor_of(request),
            organization_id=Organization.parse_id(organization),
            **page_asked_for(request),
        )
        return page_response(request, page, MemberSerializer().to_representation)


class MemberView(APIView):
    @extend_schema(request=MemberChangeSerializer, responses=MemberSerializer)
    def patch(self, request: Request, organization: str, member: str) -> Response:
        """Give a member another role, or other venues to work at."""
        organization_id = Organization.parse_id(organization)
        membership_id = Membership.parse_id(member)
        body = MemberChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        venue_ids = body.validated_data.get("venue_ids")
        membership = memberships.change_member(
            actor=actor_of(request),
            membership_id=membership_id,
            organization_id=organization_id,
            role=body.validated_data.get("role"),
            venue_ids=None if venue_ids is None else parse_venue_ids(venue_ids),
        )
        return Response(MemberSerializer(membership).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organization: str, member: str) -> Response:
        """End a membership; everybody may end their own."""
        memberships.remove_member(
            actor=actor_of(request),
            membership_id=Membership.parse_id(member),
            organization_id=Organization.parse_id(organization),
        )
        return Response(status=204)


class InvitationsView(APIView):
    @extend_schema(
        operation_id="organizations_invitations_list",
        parameters=[PageQuery],
        responses=page_schema("Invitation", InvitationSerializer),
    )
    def get(self, request: Request, organization: str) -> Response:
        """The invitations that may still be accepted, by address."""
        page = selectors.invitations_page(
            actor=actor_of(request),
            organization_id=Organization.parse_id(organization),
            **page_asked_for(request),
        )
        return page_response(request, page, InvitationSerializer().to_representation)

    @extend_schema(request=InviteSerializer, responses={201: InvitationSerializer})
    def post(self, request: Request, organization: str) -> Response:
        """Offer a role to an address. Managers invite staff; owners, anybody."""
        organization_id = Organization.parse_id(organization)
        body = InviteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation = invitations.invite_member(
            actor=actor_of(request),
            organization_id=organization_id,
            email=body.validated_data["email"],
            role=body.validated_data["role"],
            venue_ids=parse_venue_ids(body.validated_data["venue_ids"]),
        )
        headers = {"Location": reverse("invitation", args=[organization, invitation.public_id])}
        return Response(InvitationSerializer(invitation).data, status=201, headers=headers)


class InvitationView(APIView):
    @extend_schema(responses=InvitationSerializer)
    def get(self, request: Request, organization: str, invitation: str) -> Response:
        """An invitation that may still be accepted."""
        found = selectors.visible_invitation(
            actor=actor_of(request),
            invitation_id=Invitation.parse_id(invitation),
            organization_id=Organization.parse_id(organization),
        )
        return Response(InvitationSerializer(found).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organization: str, invitation: str) -> Response:
        """Take an invitation back."""
        invitations.revoke_invitation(
            actor=actor_of(request),
            invitation_id=Invitation.parse_id(invitation),
            organization_id=Organization.parse_id(organization),
        )
        return Response(status=204)


class AcceptInvitationView(APIView):
    @extend_schema(request=LinkSerializer, responses=MemberSerializer)
    def post(self, request: Request) -> Response:
        """Take the role that was offered to the caller's address."""
        body = LinkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        membership = invitations.accept_invitation(actor=actor_of(request), **body.validated_data)
        return Response(MemberSerializer(membership).data)
