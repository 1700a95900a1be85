from reserve.core.errors import Conflict, Invalid, ServiceUnavailable, Unauthenticated


class CredentialsRefused(Unauthenticated):
    """Says nothing about which of the two was wrong, or whether the account exists."""

    message = "The e-mail address or the password is wrong."


class TokenRefused(Unauthenticated):
    message = "The token is expired, malformed or revoked. Log in again."


class TokenReused(Unauthenticated):
    """A refresh token came a second time: somebody has a copy, so its whole login ends."""

    code = "TOKEN_REUSED"
    message = "This refresh token was used before. The login has been ended."


class LinkRefused(Invalid):
    """The token of a link that was forged, used up, overtaken or is too old: all alike."""

    message = "This link has expired or was used before. Ask for a new one."

    def __init__(self) -> None:
        super().__init__(errors={"token": [self.message]})


class InvalidState(Conflict):
    """What is asked for cannot be done as things stand."""


class LastOwner(InvalidState):
    message = (
        "An organization needs an owner, and this is its last one."
        " Make somebody else an owner first."
    )


class WorksHereAlready(InvalidState):
    message = "This person works for the organization already."


class TooManyPasswords(ServiceUnavailable):
    """Passwords are checked slowly on purpose, and only so many may wait."""

    message = "Too many people are logging in just now. Try again in a moment."
