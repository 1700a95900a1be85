from reserve.core.errors import Unauthenticated


class CredentialsRefused(Unauthenticated):
    """Says nothing about which of the two was wrong, or whether the account exists."""

    message = "The e-mail address or the password is wrong."


class TokenRefused(Unauthenticated):
    message = "The token is expired, malformed or revoked. Log in again."


class TokenReused(Unauthenticated):
    """A refresh token came a second time: somebody has a copy, so its whole login ends."""

    code = "TOKEN_REUSED"
    message = "This refresh token was used before. The login has been ended."
