import graphene
from graphene_django import DjangoObjectType

from accounts import models, selectors
from accounts.api.venue_ids import format_venue_ids, parse_venue_ids
from accounts.services import invitations, memberships, organizations
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of

Role = graphene.Enum.from_enum(models.Role, description="What a member may do.")


class Member(DjangoObjectType):
    """Somebody who works for an organization."""

    id = graphene.ID(required=True)
    user_id = graphene.ID(required=True)
    name = graphene.String(required=True)
    email = graphene.String(required=True)
    role = graphene.Field(Role, required=True)
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID),
        required=True,
        description="Where staff work; everywhere where there are none.",
    )

    class Meta:
        model = models.Membership
        fields = ("created_at",)

    @staticmethod
    def resolve_id(membership: models.Membership, _info):
        return membership.public_id

    @staticmethod
    def resolve_user_id(membership: models.Membership, _info):
        return models.User.format_id(membership.user_id)

    @staticmethod
    def resolve_name(membership: models.Membership, _info):
        return membership.user.name

    @staticmethod
    def resolve_email(membership: models.Membership, _info):
        return membership.user.email

    @staticmethod
    def resolve_venue_ids(membership: models.Membership, _info):
        return format_venue_ids(membership.venue_ids)


class MemberConnection(TotalCount, graphene.relay.Connection):
    """A page of members."""

    class Meta:
        node = Member


class Invitation(DjangoObjectType):
    """A role that waits for the person at an address to take it."""

    id = graphene.ID(required=True)
    role = graphene.Field(Role, required=True)
    venue_ids = graphene.List(graphene.NonNull(graphene.ID), required=True)

    class Meta:
        model = models.Invitation
        fields = ("email", "created_at", "expires_at")

    @staticmethod
    def resolve_id(invitation: models.Invitation, _info):
        return invitation.public_id

    @staticmethod
    def resolve_venue_ids(invitation: models.Invitation, _info):
        return format_venue_ids(invitation.venue_ids)


class InvitationConnection(TotalCount, graphene.relay.Connection):
    """A page of invitations."""

    class Meta:
        node = Invitation


class Organization(DjangoObjectType):
    """The business that runs one or more venues."""

    id = graphene.ID(required=True)
    members = graphene.Field(MemberConnection, required=True, **PAGE_ARGUMENTS)
    invitations = graphene.Field(
        InvitationConnection,
        required=True,
        **PAGE_ARGUMENTS,
        description="Those that may still be accepted; for owners and managers.",
    )

    class Meta:
        model = models.Organization
        fields = ("name", "slug")

    @staticmethod
    def resolve_id(organization: models.Organization, _info):
        return organization.public_id

    @staticmethod
    async def resolve_members(organization: models.Organization, info, first, after=None):
        return await _members(info, organization.pk, first, after)

    @staticmethod
    async def resolve_invitations(organization: models.Organization, info, first, after=None):
        return await _invitations(info, organization.pk, first, after)


class OrganizationConnection(TotalCount, graphene.relay.Connection):
    """A page of organizations."""

    class Meta:
        node = Organization


async def _members(info, organization_id, first, after):
    page = await in_database(
        selectors.members_page,
        actor=info.context.actor,
        organization_id=organization_id,
        first=first,
        after=after,
    )
    return connection_of(MemberConnection, page)


async def _invitations(info, organization_id, first, after):
    page = await in_database(
        selectors.invitations_page,
        actor=info.context.actor,
        organization_id=organization_id,
        first=first,
        after=after,
    )
    return connection_of(InvitationConnection, page)


class CreateOrganizationInput(graphene.InputObjectType):
    name = graphene.String(required=True)
    slug = graphene.String(required=True, description="A short name for addresses.")


class InviteMemberInput(graphene.InputObjectType):
    organization_id = graphene.ID(required=True)
    email = graphene.String(required=True)
    role = graphene.Field(Role, required=True)
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID), description="Where staff work; everywhere by default."
    )


class AcceptInvitationInput(graphene.InputObjectType):
    token = graphene.String(required=True, description="That of the link in the mail.")


class ChangeMemberInput(graphene.InputObjectType):
    """What is left out stays as it is."""

    id = graphene.ID(required=True)
    role = graphene.Field(Role)
    venue_ids = graphene.List(graphene.NonNull(graphene.ID))


class Query(graphene.ObjectType):
    organization = graphene.Field(Organization, required=True, id=graphene.ID(required=True))
    organizations = graphene.Field(
        OrganizationConnection,
        required=True,
        **PAGE_ARGUMENTS,
        description="Those that the caller works for, by name.",
    )
    members = graphene.Field(
        MemberConnection,
        required=True,
        organization_id=graphene.ID(required=True),
        **PAGE_ARGUMENTS,
        description="Those who work for an organization, by role.",
    )
    invitations = graphene.Field(
        InvitationConnection,
        required=True,
        organization_id=graphene.ID(required=True),
        **PAGE_ARGUMENTS,
        description="Those that may still be accepted, by address; for owners and managers.",
    )

    @staticmethod
    async def resolve_organization(_root, info, id):  # noqa: A002 (the contract's name)
        organization_id = models.Organization.parse_id(id)
        return await in_database(
            selectors.visible_organization,
            actor=info.context.actor,
            organization_id=organization_id,
        )

    @staticmethod
    async def resolve_organizations(_root, info, first, after=None):
        page = await in_database(
            selectors.organizations_page, actor=info.context.actor, first=first, after=after
        )
        return connection_of(OrganizationConnection, page)

    @staticmethod
    async def resolve_members(_root, info, organization_id, first, after=None):
        parsed = models.Organization.parse_id(organization_id, field="organization_id")
        return await _members(info, parsed, first, after)

    @staticmethod
    async def resolve_invitations(_root, info, organization_id, first, after=None):
        parsed = models.Organization.parse_id(organization_id, field="organization_id")
        return await _invitations(info, parsed, first, after)


class Mutation(graphene.ObjectType):
    create_organization = graphene.Field(
        Organization,
        required=True,
        input=CreateOrganizationInput(required=True),
        description="Add an organization; for administrators, who then invite its owner.",
    )
    invite_member = graphene.Field(
        Invitation,
        required=True,
        input=InviteMemberInput(required=True),
        description="Offer a role to an address. Managers invite staff; owners, anybody.",
    )
    revoke_invitation = graphene.Field(
        graphene.Boolean, required=True, id=graphene.ID(required=True)
    )
    accept_invitation = graphene.Field(
        Member,
        required=True,
        input=AcceptInvitationInput(required=True),
        description="Take the role that was offered to the caller's address.",
    )
    change_member = graphene.Field(Member, required=True, input=ChangeMemberInput(required=True))
    remove_member = graphene.Field(
        graphene.Boolean,
        required=True,
        id=graphene.ID(required=True),
        description="End a membership; everybody may end their own.",
    )

    @staticmethod
    async def resolve_create_organization(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(
            organizations.create_organization, actor=info.context.actor, **input
        )

    @staticmethod
    async def resolve_invite_member(_root, info, input):  # noqa: A002
        return await in_database(
            invitations.invite_member,
            actor=info.context.actor,
            organization_id=models.Organization.parse_id(
                input.organization_id, field="organization_id"
            ),
            email=input.email,
            role=models.Role(input.role),
            venue_ids=parse_venue_ids(input.get("venue_ids") or ()),
        )

    @staticmethod
    async def resolve_revoke_invitation(_root, info, id) -> bool:  # noqa: A002
        invitation_id = models.Invitation.parse_id(id)
        await in_database(
            invitations.revoke_invitation, actor=info.context.actor, invitation_id=invitation_id
        )
        return True

    @staticmethod
    async def resolve_accept_invitation(_root, info, input):  # noqa: A002
        return await in_database(
            invitations.accept_invitation, actor=info.context.actor, token=input.token
        )

    @staticmethod
    async def resolve_change_member(_root, info, input):  # noqa: A002
        role, venue_ids = input.get("role"), input.get("venue_ids")
        return await in_database(
            memberships.change_member,
            actor=info.context.actor,
            membership_id=models.Membership.parse_id(input.id),
            role=models.Role(role) if role else None,
            venue_ids=None if venue_ids is None else parse_venue_ids(venue_ids),
        )

    @staticmethod
    async def resolve_remove_member(_root, info, id) -> bool:  # noqa: A002
        membership_id = models.Membership.parse_id(id)
        await in_database(
            memberships.remove_member, actor=info.context.actor, membership_id=membership_id
        )
        return True
