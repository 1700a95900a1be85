import graphene
from graphene_django import DjangoObjectType

from accounts import models, selectors
from accounts.api.venue_ids import format_venue_ids, parse_venue_ids
from accounts.links import MAX_TOKEN
from accounts.person import MAX_EMAIL
from accounts.services import invitations, memberships, organizations
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of
from reserve.core.graphql.described import at_most, enum_of, id_of, own_id, taking

Role = enum_of(
    models.Role,
    "What a member may do.",
    {
        models.Role.OWNER: "Everything, and who else may.",
        models.Role.MANAGER: "Venues, schedules and bookings; invites staff.",
        models.Role.STAFF: "Bookings and slots, everywhere or at some venues.",
    },
)


class Member(DjangoObjectType):
    """Somebody who works for an organization."""

    id = own_id("member")
    user_id = id_of("account")
    name = graphene.String(required=True, description="The person's name.")
    email = graphene.String(required=True, description="The person's e-mail address.")
    role = graphene.Field(Role, required=True, description="What they may do.")
    created_at = graphene.DateTime(required=True, description="Since when they are one, in UTC.")
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID),
        required=True,
        description="Where staff work; everywhere where there are none.",
    )

    class Meta:
        model = models.Membership
        fields = ()

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
        strict_types = True


class Invitation(DjangoObjectType):
    """A role that waits for the person at an address to take it."""

    id = own_id("invitation")
    email = graphene.String(required=True, description="The address that it was sent to.")
    role = graphene.Field(Role, required=True, description="What they would be allowed.")
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID),
        required=True,
        description="Where staff would work; everywhere where there are none.",
    )
    created_at = graphene.DateTime(required=True, description="When it was sent, in UTC.")
    expires_at = graphene.DateTime(
        required=True, description="Until when it may be accepted, in UTC."
    )

    class Meta:
        model = models.Invitation
        fields = ()

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
        strict_types = True


class Organization(DjangoObjectType):
    """The business that runs one or more venues."""

    id = own_id("org")
    name = graphene.String(required=True, description="At most 200 characters.")
    slug = graphene.String(required=True, description="A short name for addresses, unique.")
    members = graphene.Field(
        MemberConnection,
        required=True,
        **PAGE_ARGUMENTS,
        description="Those who work for it, by role.",
    )
    invitations = graphene.Field(
        InvitationConnection,
        required=True,
        **PAGE_ARGUMENTS,
        description="Those that may still be accepted; for owners and managers.",
    )

    class Meta:
        model = models.Organization
        fields = ()

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
        strict_types = True


async def _members(info, organization_id, first, after):
    page = await info.context.load(
        selectors.members_pages,
        organization_id,
        actor=info.context.actor,
        first=first,
        after=after,
    )
    return connection_of(MemberConnection, page)


async def _invitations(info, organization_id, first, after):
    page = await info.context.load(
        selectors.invitations_pages,
        organization_id,
        actor=info.context.actor,
        first=first,
        after=after,
    )
    return connection_of(InvitationConnection, page)


class CreateOrganizationInput(graphene.InputObjectType):
    """A new organization."""

    name = graphene.String(required=True, description=at_most(organizations.MAX_NAME))
    slug = graphene.String(
        required=True, description=at_most(organizations.MAX_SLUG, "A short name for addresses.")
    )


class InviteMemberInput(graphene.InputObjectType):
    """Whom to offer which role."""

    organization_id = id_of("organization")
    email = graphene.String(
        required=True, description=at_most(MAX_EMAIL, "Where the offer is sent.")
    )
    role = graphene.Field(Role, required=True, description="What they would be allowed.")
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID), description="Where staff work; everywhere by default."
    )


class AcceptInvitationInput(graphene.InputObjectType):
    """Which offer is taken."""

    token = graphene.String(
        required=True, description=at_most(MAX_TOKEN, "That of the link in the mail.")
    )


class ChangeMemberInput(graphene.InputObjectType):
    """What is left out, or null, stays as it is."""

    id = id_of("membership")
    role = graphene.InputField(Role, description="What they may do from now on.")
    venue_ids = graphene.List(
        graphene.NonNull(graphene.ID),
        description="Where staff work from now on; everywhere where there are none.",
    )


class Query(graphene.ObjectType):
    organization = graphene.Field(
        Organization,
        required=True,
        id=id_of("organization"),
        description="An organization that the caller works for.",
    )
    organizations = graphene.Field(
        OrganizationConnection,
        required=True,
        **PAGE_ARGUMENTS,
        description="Those that the caller works for, by name.",
    )
    members = graphene.Field(
        MemberConnection,
        required=True,
        organization_id=id_of("organization"),
        **PAGE_ARGUMENTS,
        description="Those who work for an organization, by role.",
    )
    invitations = graphene.Field(
        InvitationConnection,
        required=True,
        organization_id=id_of("organization"),
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
        input=taking(CreateOrganizationInput),
        description="Add an organization; for administrators, who then invite its owner.",
    )
    invite_member = graphene.Field(
        Invitation,
        required=True,
        input=taking(InviteMemberInput),
        description="Offer a role to an address. Managers invite staff; owners, anybody.",
    )
    revoke_invitation = graphene.Field(
        graphene.Boolean,
        required=True,
        id=id_of("invitation"),
        description="Take an offer back; always true.",
    )
    accept_invitation = graphene.Field(
        Member,
        required=True,
        input=taking(AcceptInvitationInput),
        description="Take the role that was offered to the caller's address.",
    )
    change_member = graphene.Field(
        Member,
        required=True,
        input=taking(ChangeMemberInput),
        description="Give a member another role or other venues (owners and managers).",
    )
    remove_member = graphene.Field(
        graphene.Boolean,
        required=True,
        id=id_of("membership"),
        description="End a membership; everybody may end their own. Always true.",
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
