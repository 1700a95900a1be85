import graphene
from graphene.types.generic import GenericScalar
from graphene_django import DjangoObjectType

from accounts import models
from accounts.export import export_account
from accounts.hashing import MAX_PASSWORD
from accounts.password_threads import in_password_thread
from accounts.person import MAX_LOCALE, MAX_NAME, MAX_PHONE, MAX_TIMEZONE
from accounts.selectors import current_user
from accounts.services.deletion import delete_account
from accounts.services.users import update_profile
from reserve.core.database import in_database
from reserve.core.graphql.described import at_most, own_id, taking


class JSON(GenericScalar):
    """Any JSON value."""


class User(DjangoObjectType):
    """A person who can log in."""

    id = own_id("user")
    email = graphene.String(required=True, description="Lower case; what they log in with.")
    email_verified_at = graphene.DateTime(
        description="When a link that was sent to the address came back, in UTC; null if never."
    )
    name = graphene.String(required=True, description=f"At most {MAX_NAME} characters.")
    phone = graphene.String(required=True, description="As they write it; may be empty.")
    locale = graphene.String(required=True, description="BCP 47 language tag.")
    timezone = graphene.String(required=True, description="IANA name, Europe/Copenhagen.")

    class Meta:
        model = models.User
        fields = ()

    @staticmethod
    def resolve_id(user: models.User, _info):
        return user.public_id


class UpdateProfileInput(graphene.InputObjectType):
    """What is left out, or null, stays as it is."""

    name = graphene.String(description=at_most(MAX_NAME))
    phone = graphene.String(description=at_most(MAX_PHONE))
    locale = graphene.String(description=at_most(MAX_LOCALE, "BCP 47 language tag."))
    timezone = graphene.String(description=at_most(MAX_TIMEZONE, "IANA name, Europe/Copenhagen."))


class DeleteAccountInput(graphene.InputObjectType):
    """Proof that it is the account's owner who asks."""

    password = graphene.String(required=True, description=at_most(MAX_PASSWORD, "The account's."))


class Query(graphene.ObjectType):
    me = graphene.Field(User, required=True, description="Whose token this is.")
    export_account = graphene.Field(
        JSON, required=True, description="Everything that is held of the caller."
    )

    @staticmethod
    async def resolve_me(_root, info):
        return await in_database(current_user, actor=info.context.actor)

    @staticmethod
    async def resolve_export_account(_root, info):
        return await in_database(export_account, actor=info.context.actor)


class Mutation(graphene.ObjectType):
    update_profile = graphene.Field(
        User,
        required=True,
        input=taking(UpdateProfileInput),
        description="Change what the account says of the caller.",
    )
    delete_account = graphene.Field(
        graphene.Boolean,
        required=True,
        input=taking(DeleteAccountInput),
        description="Erase the caller. Bookings stay, without a name.",
    )

    @staticmethod
    async def resolve_update_profile(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(update_profile, actor=info.context.actor, **input)

    @staticmethod
    async def resolve_delete_account(_root, info, input) -> bool:  # noqa: A002
        await in_password_thread(delete_account, actor=info.context.actor, password=input.password)
        return True
