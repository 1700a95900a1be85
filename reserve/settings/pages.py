"""Pages: cookies, sessions, headers, and the second factor."""

from csp.constants import NONE, SELF

from reserve import env
from reserve.settings.mode import PRODUCTION

SECURE_COOKIES = env.boolean("SECURE_COOKIES", PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Browsers take a cookie of such a name from this very host over HTTPS only, so
# that no neighbour in the domain can plant one.
_COOKIE_PREFIX = "__Host-" if SECURE_COOKIES else ""
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrftoken"
# Since the login, and since the last page; see accounts.sessions.
SESSION_AGE_LIMIT = env.duration("SESSION_AGE_LIMIT", "12h")
SESSION_IDLE_LIMIT = env.duration("SESSION_IDLE_LIMIT", "30m")
SESSION_COOKIE_AGE = int(SESSION_AGE_LIMIT.total_seconds())

# A proxy must set or strip this header: whoever sends it himself would decide
# what counts as HTTPS.
TRUST_FORWARDED_PROTO = env.boolean("TRUST_FORWARDED_PROTO", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_FORWARDED_PROTO else None
SECURE_HSTS_SECONDS = env.integer(
    "HSTS_SECONDS", 31_536_000 if PRODUCTION else 0, minimum=0, maximum=2**31 - 1
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_INCLUDE_SUBDOMAINS", False)

# What every answer carries, Django's or not, is put together in
# reserve.core.security_headers from these.
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CROSS_ORIGIN_RESOURCE_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)
# Scripts and styles come from our own static files and nowhere else, neither
# inline nor evaluated. connect-src takes in ws: and wss: to the same host and
# port (CSP 3, section 6.7.2.8).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Of answers that are no pages: the APIs'.
DATA_CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

SILENCED_SYSTEM_CHECKS = [
    # Other names of the domain are not ours to decide on: HSTS_INCLUDE_SUBDOMAINS does.
    "security.W005",
    # The proxy that ends TLS redirects to it. We would send a browser in circles
    # behind a proxy that does not tell us.
    "security.W008",
    # A promise that browsers ship with, for a domain that its owner enters in a list.
    "security.W021",
]

# Who must have a second factor in the admin; administrators wherever anybody must.
SECOND_FACTOR_REQUIRED_FOR = env.choice(
    "SECOND_FACTOR_REQUIRED_FOR",
    "owners" if PRODUCTION else "nobody",
    {"nobody", "owners", "managers", "staff"},
)
# Shown in the authenticator app.
OTP_TOTP_ISSUER = "ReserveAPI"
