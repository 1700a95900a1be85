import graphene

from accounts.api.graphql.people import User
from accounts.hashing import MAX_PASSWORD
from accounts.links import MAX_TOKEN
from accounts.password_threads import in_password_thread
from accounts.person import MAX_EMAIL, MAX_LOCALE, MAX_NAME, MAX_PHONE, MAX_TIMEZONE
from accounts.services.logins import LoggedIn, log_in, log_out, refresh_tokens
from accounts.services.users import register
from reserve.core.database import in_database
from reserve.core.graphql.described import at_most, taking


class AuthPayload(graphene.ObjectType):
    """The tokens of a login, and whose they are."""

    access_token = graphene.String(required=True, description="Sent as `Authorization: Bearer …`.")
    refresh_token = graphene.String(required=True, description="Exchanged for the next pair, once.")
    user = graphene.Field(User, required=True, description="Who is logged in.")


class LoginInput(graphene.InputObjectType):
    """Who logs in."""

    email = graphene.String(
        required=True, description=at_most(MAX_EMAIL, "The address of the account.")
    )
    password = graphene.String(required=True, description=at_most(MAX_PASSWORD, "Its password."))


class RegisterInput(graphene.InputObjectType):
    """A new account."""

    email = graphene.String(required=True, description=at_most(MAX_EMAIL, "What they log in with."))
    password = graphene.String(
        required=True,
        description=at_most(
            MAX_PASSWORD, "Neither short nor common, nor like the name or address."
        ),
    )
    name = graphene.String(required=True, description=at_most(MAX_NAME))
    phone = graphene.String(description=at_most(MAX_PHONE))
    locale = graphene.String(description=at_most(MAX_LOCALE, "BCP 47 language tag."))
    timezone = graphene.String(description=at_most(MAX_TIMEZONE, "IANA name, Europe/Copenhagen."))


class RefreshTokenInput(graphene.InputObjectType):
    """The token that is exchanged."""

    refresh_token = graphene.String(
        required=True, description=at_most(MAX_TOKEN, "The last one that was answered.")
    )


class LogoutInput(graphene.InputObjectType):
    """The login that is ended."""

    refresh_token = graphene.String(
        required=True, description=at_most(MAX_TOKEN, "Any refresh token of the login.")
    )


class Mutation(graphene.ObjectType):
    register = graphene.Field(
        AuthPayload,
        required=True,
        input=taking(RegisterInput),
        description="Open an account, and log in. The address is sent a link that verifies it.",
    )
    login = graphene.Field(
        AuthPayload,
        required=True,
        input=taking(LoginInput),
        description="Exchange an e-mail address and a password for tokens.",
    )
    refresh_token = graphene.Field(
        AuthPayload,
        required=True,
        input=taking(RefreshTokenInput),
        description="Exchange a refresh token for the next pair. It can be used once.",
    )
    logout = graphene.Field(
        graphene.Boolean,
        required=True,
        input=taking(LogoutInput),
        description="End a login: its refresh tokens are refused from now on.",
    )

    @staticmethod
    async def resolve_register(_root, _info, input) -> LoggedIn:  # noqa: A002 (the contract's name)
        return await in_password_thread(register, **input)

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
