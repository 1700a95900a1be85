import graphene

from accounts.api.graphql.people import User
from accounts.password_threads import in_password_thread
from accounts.services.logins import LoggedIn, log_in, log_out, refresh_tokens
from accounts.services.users import register
from reserve.core.database import in_database


class AuthPayload(graphene.ObjectType):
    """The tokens of a login, and whose they are."""

    access_token = graphene.String(required=True, description="Sent as `Authorization: Bearer …`.")
    refresh_token = graphene.String(required=True, description="Exchanged for the next pair, once.")
    user = graphene.Field(User, required=True)


class LoginInput(graphene.InputObjectType):
    email = graphene.String(required=True)
    password = graphene.String(required=True)


class RegisterInput(graphene.InputObjectType):
    email = graphene.String(required=True)
    password = graphene.String(required=True)
    name = graphene.String(required=True)
    phone = graphene.String()
    locale = graphene.String(description="BCP 47 language tag.")
    timezone = graphene.String(description="IANA name, Europe/Copenhagen.")


class RefreshTokenInput(graphene.InputObjectType):
    refresh_token = graphene.String(required=True)


class LogoutInput(graphene.InputObjectType):
    refresh_token = graphene.String(required=True)


class Mutation(graphene.ObjectType):
    register = graphene.Field(
        AuthPayload,
        required=True,
        input=RegisterInput(required=True),
        description="Open an account, and log in. The address is sent a link that verifies it.",
    )
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
    async def resolve_register(_root, _info, input) -> LoggedIn:  # noqa: A002 (the contract's name)
        given = {name: value for name, value in input.items() if value is not None}
        return await in_password_thread(register, **given)

    @staticmethod
    async def resolve_login(_root, _info, input) -> LoggedIn:  # noqa: A002
        return await in_password_thread(log_in, email=input.email, password=input.password)

    @staticmethod
    async def resolve_refresh_token(_root, _info, input) -> LoggedIn:  # noqa: A002
        return await in_database(refresh_tokens, refresh_token=input.refresh_token)

    @staticmethod
    async def resolve_logout(_root, _info, input) -> bool:  # noqa: A002
        await in_database(log_out, refresh_token=input.refresh_token)
        return True
