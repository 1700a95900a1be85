from reserve.core.errors import Unauthenticated


class CredentialsRefused(Unauthenticated):
    """Says nothing about which of the two was wrong, or whether the account exists."""

    message = "The e-mail address or the password is wrong."


class TokenRefused(Unauthenticated):
    message = "The access token is expired, malformed or revoked. Log in again."
