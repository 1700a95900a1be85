import graphene

from accounts.hashing import MAX_PASSWORD
from accounts.links import MAX_TOKEN
from accounts.password_threads import in_password_thread
from accounts.person import MAX_EMAIL
from accounts.services import emails, passwords
from reserve.core.database import in_database
from reserve.core.graphql.described import at_most, taking


class TokenInput(graphene.InputObjectType):
    token = graphene.String(
        required=True, description=at_most(MAX_TOKEN, "That of the link in the mail.")
    )


class VerifyEmailInput(TokenInput):
    """Proof that the mail arrived."""


class ConfirmEmailChangeInput(TokenInput):
    """Proof that the mail arrived at the new address."""


class RequestEmailChangeInput(graphene.InputObjectType):
    """Where to move the account to."""

    email = graphene.String(required=True, description=at_most(MAX_EMAIL, "The new address."))
    password = graphene.String(required=True, description=at_most(MAX_PASSWORD, "The present one."))


class RequestPasswordResetInput(graphene.InputObjectType):
    """Whose password was forgotten."""

    email = graphene.String(
        required=True, description=at_most(MAX_EMAIL, "The address of the account.")
    )


class ResetPasswordInput(TokenInput):
    """A new password, and proof that the mail arrived."""

    password = graphene.String(required=True, description=at_most(MAX_PASSWORD, "The new one."))


class ChangePasswordInput(graphene.InputObjectType):
    """A new password, and proof that it is the account's owner who asks."""

    current_password = graphene.String(
        required=True, description=at_most(MAX_PASSWORD, "The present one.")
    )
    new_password = graphene.String(
        required=True,
        description=at_most(
            MAX_PASSWORD, "Neither short nor common, nor like the name or address."
        ),
    )


def _done(input_type, description):
    return graphene.Field(
        graphene.Boolean, required=True, input=taking(input_type), description=description
    )


class Mutation(graphene.ObjectType):
    request_email_verification = graphene.Field(
        graphene.Boolean,
        required=True,
        description="Have the link sent again that verifies the caller's address.",
    )
    verify_email = _done(
        VerifyEmailInput, "Show that the address is yours, by the link sent to it."
    )
    request_email_change = _done(
        RequestEmailChangeInput,
        "Have a link sent to a new address, which counts once it is verified.",
    )
    confirm_email_change = _done(
        ConfirmEmailChangeInput, "Change to the new address, by the link sent to it."
    )
    request_password_reset = _done(
        RequestPasswordResetInput,
        "Have a link sent to an address, if it has an account; the answer does not tell.",
    )
    reset_password = _done(
        ResetPasswordInput, "Set a new password by the link that was sent. Ends every login."
    )
    change_password = _done(ChangePasswordInput, "Set a new password. Ends all other logins.")

    @staticmethod
    async def resolve_request_email_verification(_root, info) -> bool:
        await in_database(emails.request_email_verification, actor=info.context.actor)
        return True

    @staticmethod
    async def resolve_verify_email(_root, _info, input) -> bool:  # noqa: A002 (the contract's name)
        await in_database(emails.verify_email, token=input.token)
        return True

    @staticmethod
    async def resolve_request_email_change(_root, info, input) -> bool:  # noqa: A002
        await in_password_thread(
            emails.request_email_change,
            actor=info.context.actor,
            email=input.email,
            password=input.password,
        )
        return True

    @staticmethod
    async def resolve_confirm_email_change(_root, _info, input) -> bool:  # noqa: A002
        await in_database(emails.confirm_email_change, token=input.token)
        return True

    @staticmethod
    async def resolve_request_password_reset(_root, _info, input) -> bool:  # noqa: A002
        await in_database(passwords.request_password_reset, email=input.email)
        return True

    @staticmethod
    async def resolve_reset_password(_root, _info, input) -> bool:  # noqa: A002
        await in_password_thread(
            passwords.reset_password, token=input.token, password=input.password
        )
        return True

    @staticmethod
    async def resolve_change_password(_root, info, input) -> bool:  # noqa: A002
        await in_password_thread(
            passwords.change_password,
            actor=info.context.actor,
            current_password=input.current_password,
            new_password=input.new_password,
        )
        return True
