"""Secrets, and the tokens that are signed with them."""

from datetime import timedelta
from hashlib import sha512

from django.core.exceptions import ImproperlyConfigured

from reserve import env
from reserve.settings.mode import PRODUCTION

_MINIMUM_SECRET_BYTES = 32
_DEVELOPMENT_KEY = "for-development-only-and-known-to-everybody"
JWT_SECRET = env.text("JWT_SECRET", "" if PRODUCTION else _DEVELOPMENT_KEY)
if not JWT_SECRET:
    raise ImproperlyConfigured("JWT_SECRET is not set. Set it to at least 32 random bytes.")
if len(JWT_SECRET.encode()) < _MINIMUM_SECRET_BYTES:
    raise ImproperlyConfigured("JWT_SECRET is too short. Set it to at least 32 random bytes.")
if PRODUCTION and JWT_SECRET == _DEVELOPMENT_KEY:
    raise ImproperlyConfigured("JWT_SECRET is the development one. Set your own.")
# One secret to keep, of which tokens and pages each have a key of their own.
SECRET_KEY = env.text("SECRET_KEY") or sha512(f"pages {JWT_SECRET}".encode()).hexdigest()
if len(SECRET_KEY.encode()) < _MINIMUM_SECRET_BYTES:
    raise ImproperlyConfigured("SECRET_KEY is too short. Set it to at least 32 random bytes.")

# Seconds by which the clocks of two machines may differ.
_LEEWAY = timedelta(seconds=5)
# What was signed with these still counts, so that JWT_SECRET can be changed.
JWT_PREVIOUS_SECRETS = env.words("JWT_PREVIOUS_SECRETS")
if any(len(secret.encode()) < _MINIMUM_SECRET_BYTES for secret in JWT_PREVIOUS_SECRETS):
    raise ImproperlyConfigured(
        "JWT_PREVIOUS_SECRETS has one that is too short. Each has at least 32 random bytes."
    )
# Secrets in the database are encrypted under a key of the first; the others decrypt.
_own_keys = env.words("ENCRYPTION_KEYS")
if any(len(key.encode()) < _MINIMUM_SECRET_BYTES for key in _own_keys):
    raise ImproperlyConfigured(
        "ENCRYPTION_KEYS has one that is too short. Each has at least 32 random bytes."
    )
ENCRYPTION_KEYS = [*_own_keys, JWT_SECRET, *JWT_PREVIOUS_SECRETS]
SIMPLE_JWT = {
    "LEEWAY": _LEEWAY,
    "SIGNING_KEY": JWT_SECRET,
    "ALGORITHM": "HS256",
    "ISSUER": "reserve",
    "AUDIENCE": "reserve",
    "ACCESS_TOKEN_LIFETIME": env.duration("JWT_ACCESS_EXPIRES_IN", "15m"),
    "REFRESH_TOKEN_LIFETIME": env.duration("JWT_EXPIRES_IN", "7d"),
    "USER_ID_CLAIM": "sub",
}
