import graphene
from graphene_django import DjangoObjectType

from accounts import models
from accounts.selectors import current_user
from accounts.services.logins import LoggedIn, log_in, log_out, refresh_tokens
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


class RefreshTokenInput(graphene.InputObjectType):
    refresh_token = graphene.String(required=True)


class LogoutInput(graphene.InputObjectType):
    refresh_token = graphene.String(required=True)


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
    refresh_token = graphene.Field(
        AuthPayload,
        required=True,
        input=RefreshTokenInput(required=True),
        description="Exchange a refresh token for the next pair. It can be used once.",
    )
    logout = graphene.Field(
        graphene.Boolean,
        required=True,
        input=LogoutInput(required=True),
        description="End a login: its refresh tokens are refused from now on.",
    )

    @staticmethod
    async def resolve_login(_root, _info, input) -> LoggedIn:  # noqa: A002 (the contract's name)
        return await in_database(log_in, email=input.email, password=input.password)

    @staticmethod
    async def resolve_refresh_token(_root, _info, input) -> LoggedIn:  # noqa: A002
        return await in_database(refresh_tokens, refresh_token=input.refresh_token)

    @staticmethod
    async def resolve_logout(_root, _info, input) -> bool:  # noqa: A002
        await in_database(log_out, refresh_token=input.refresh_token)
        return True
