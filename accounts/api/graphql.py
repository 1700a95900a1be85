import graphene
from graphene_django import DjangoObjectType

from accounts import models
from accounts.selectors import current_user
from accounts.services.logins import LoggedIn, log_in
from reserve.core.database import in_database


class User(DjangoObjectType):
    """A person who can log in."""

    id = graphene.ID(required=True)

    class Meta:
        model = models.User
        fields = ("email", "name", "phone", "locale")

    @staticmethod
    def resolve_id(user: models.User, _info):
        return user.public_id


class AuthPayload(graphene.ObjectType):
    """The tokens of a login, and whose they are."""

    access_token = graphene.String(required=True, description="Sent as `Authorization: Bearer …`.")
    refresh_token = graphene.String(required=True, description="Exchanged for the next pair, once.")
    user = graphene.Field(User, required=True)


class LoginInput(graphene.InputObjectType):
    email = graphene.String(required=True)
    password = graphene.String(required=True)


class Query(graphene.ObjectType):
    me = graphene.Field(User, required=True, description="Whose token this is.")

    @staticmethod
    async def resolve_me(_root, info):
        return await in_database(current_user, actor=info.context.actor)


class Mutation(graphene.ObjectType):
    login = graphene.Field(
        AuthPayload,
        required=True,
        input=LoginInput(required=True),
        description="Exchange an e-mail address and a password for tokens.",
    )

    @staticmethod
    async def resolve_login(_root, _info, input) -> LoggedIn:  # noqa: A002 (the contract's name)
        return await in_database(log_in, email=input.email, password=input.password)
